import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkBuildSandbox } from '../../../src/builder/nix/installation.ts';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import { type NixOptions, nixSettings } from '../../../src/builder/nix/settings.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { aMonitor, imagesOf, vmImage, website } from '../../contracts/builder.ts';
import { aSampleRepository, nix, nixOptions, pinned } from './here.ts';

let count = 0;
const nonce = () => `nonce-${process.pid}-${count++}`;

/** Nix as a daemon is that does not listen to an untrusted client: the settings of the machine hold, not ours. */
async function deaf(settings: string): Promise<NixOptions> {
  const base = await nixOptions();
  const bin = await mkdtemp(join(base.dir, 'bin-'));
  await chmod(bin, 0o755);
  for (const program of ['nix', 'nix-store', 'nix-daemon']) {
    const { stdout: real } = await execa('sh', ['-c', `command -v ${program}`]);
    const script = `#!/bin/sh
for word; do
  shift
  case "$word" in sandbox|sandbox-fallback) word=proxnix-unheard ;; esac
  set -- "$@" "$word"
done
NIX_CONFIG="$NIX_CONFIG
${settings}"
export NIX_CONFIG
exec ${real} "$@"
`;
    await writeFile(join(bin, program), script);
    await chmod(join(bin, program), 0o755);
  }
  return { ...base, nixBinDir: bin };
}

describe.skipIf(nix === undefined)('the sandbox of builds', () => {
  it('is seen where it is', async () => {
    await checkBuildSandbox(nixSettings(await nixOptions()), nonce());
  });

  it('is missed where a builder may leave it', async () => {
    const options = await deaf('sandbox = relaxed');
    await expect(checkBuildSandbox(nixSettings(options), nonce())).rejects.toMatchObject({
      message: 'Nix builds outside of its sandbox on this machine, so nothing is built.',
      next: expect.stringContaining('sandbox = true'),
    });
  });

  it('keeps a build from beginning where it is missing', async () => {
    const options = await deaf('sandbox = relaxed');
    const builder = new NixBuilder(options, nonce);
    const images = await imagesOf(builder, await pinned(await aSampleRepository()), [vmImage(website)]);
    const { monitor, lines } = aMonitor();
    await expect(builder.build(images, monitor)).rejects.toThrow('Nix builds outside of its sandbox');
    expect(lines).toEqual([]);
  });

  it('cannot be told where nothing can be built, and the reason is what is said', async () => {
    const options = await nixOptions();
    const broken = nixSettings({ ...options, store: '/proc/nowhere' });
    await expect(checkBuildSandbox(broken, nonce())).rejects.toMatchObject({
      message: expect.stringMatching(/^Nix cannot build on this machine: .*\/proc\/nowhere/),
      next: expect.stringContaining('proxnix doctor'),
    });
  });
});

it('the sandbox of builds is missed where a builder sees other processes, although none may ask to leave it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-probe-'));
  onTestFinished(() => removeTree(dir));
  const script = `case "$*" in
  *--version*) echo "nix (Nix) 2.20.0" ;;
  *config*) echo '{"system":{"value":"x86_64-linux"}}' ;;
  *__noChroot*) echo "error: derivation has __noChroot set, but that is not allowed" >&2; exit 1 ;;
  *) echo "error: builder failed with exit code 1" >&2; exit 1 ;;
esac`;
  await writeFile(join(dir, 'nix'), `#!/bin/sh\n${script}\n`);
  await chmod(join(dir, 'nix'), 0o755);
  await expect(checkBuildSandbox(nixSettings({ dir, nixBinDir: dir }), 'nonce')).rejects.toMatchObject({
    message: expect.stringContaining('It cannot be told that Nix builds in its sandbox'),
    details: [expect.stringContaining('builder failed'), expect.stringContaining('__noChroot')],
  });
});
