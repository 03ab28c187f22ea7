import { expect, it } from 'vitest';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import { imagesOf, vmImage } from '../../contracts/builder.ts';
import { aFlake, nix, nixOptions } from './here.ts';

/** A flake of two images that are made of these derivations, by name. */
function madeOf(before: readonly string[], after: readonly string[]): string {
  const image = (names: readonly string[]) => `derivation {
    name = "image"; system = "${nix?.system}"; builder = "/bin/sh"; parts = map part [ ${names.map((name) => `"${name}"`).join(' ')} ];
  }`;
  return `let
    hash = builtins.hashString "sha256" "x";
    fixed = name: if builtins.match ".*[.]tar.*" name == null then { } else { outputHash = hash; outputHashAlgo = "sha256"; };
    part = name: derivation ({ inherit name; system = "${nix?.system}"; builder = "/bin/sh"; } // fixed name);
    of = image: { config.system.build.qcow2 = image; };
  in { nixosConfigurations = { before = of (${image(before)}); after = of (${image(after)}); }; }`;
}

async function changes(before: readonly string[], after: readonly string[]) {
  const builder = new NixBuilder(await nixOptions());
  const source = await aFlake(madeOf(before, after));
  const [old, now] = await imagesOf(builder, source, [vmImage('before'), vmImage('after')]);
  if (old === undefined || now === undefined) throw new Error('no image');
  return builder.packageVersions(old.drvPath, now.drvPath);
}

it.skipIf(nix === undefined)(
  'downloads, what has no version, what only one image has, and the system itself are left out',
  async () => {
    const before = [
      'openssl-3.0.13',
      'git-2.49.0.tar.gz',
      'unit-nginx.service',
      'htop-3.4.1',
      'nixos-system-web-25.05',
    ];
    const after = [
      'openssl-3.0.14',
      'openssl-3.0.14.tar.gz',
      'git-2.50.0.tar.gz',
      'unit-web.service',
      'jq-1.7',
      'nixos-system-web-25.11',
    ];
    expect(await changes(before, after)).toEqual({
      changed: [{ name: 'openssl', from: '3.0.13', to: '3.0.14' }],
      all: 1,
    });
  },
);

it.skipIf(nix === undefined)('twenty are told by name, and all are counted', async () => {
  const packages = (version: string) => Array.from({ length: 25 }, (_, index) => `package${index}x-${version}`);
  const { changed, all } = (await changes(packages('1.0'), packages('1.1'))) ?? { changed: [], all: 0 };
  expect(changed).toHaveLength(20);
  expect(changed[0]).toEqual({ name: 'package0x', from: '1.0', to: '1.1' });
  expect(all).toBe(25);
});
