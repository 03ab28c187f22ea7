import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { NixBuilder } from '../../../src/builder/nix/nix.ts';
import { UserError } from '../../../src/core/errors.ts';
import { commitFiles } from '../../../src/demo/repository.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { containerImage, imagesOf, vmImage, website } from '../../contracts/builder.ts';
import { aFlake, aSampleRepository, nix, nixOptions, pinned } from './here.ts';

/** A derivation that would be built by reading it. */
const generated = `derivation { name = "generated"; system = "${nix?.system}"; builder = "/bin/sh"; args = [ "-c" "printf '{ }' > $out" ]; }`;
const importing = `{ proxnix.vms = import (${generated}); }`;

describe.skipIf(nix === undefined)('a flake may not', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const evaluate = async (outputs: string, more?: string) =>
    new NixBuilder(await nixOptions()).evaluateFleet(await aFlake(outputs, more));

  it('build while it is evaluated', async () => {
    await expect(evaluate(importing)).rejects.toMatchObject({
      message: expect.stringContaining('The flake builds something (generated) while it is evaluated (flake.nix:1:'),
      next: expect.stringContaining('before anyone approved'),
    });
  });

  it('build while it is evaluated, unless the settings allow it', async () => {
    const builder = new NixBuilder(await nixOptions({ allowImportFromDerivation: true }));
    expect(await builder.evaluateFleet(await aFlake(importing))).toEqual({ vms: {} });
  });

  it('allow itself more by its nixConfig', async () => {
    const nixConfig =
      'nixConfig = { allow-import-from-derivation = true; pure-eval = false; restrict-eval = false; sandbox = false; };';
    await expect(evaluate(importing, nixConfig)).rejects.toThrow('builds something');
    vi.stubEnv('PROXNIX_CANARY', 'seen');
    expect(await evaluate('{ proxnix = builtins.getEnv "PROXNIX_CANARY"; }', nixConfig)).toBe('');
  });

  it.each([
    ['a file of the machine', 'builtins.readFile /etc/passwd'],
    ['a folder of the machine', 'builtins.readDir "/etc"'],
    ['a repository of the machine', 'builtins.fetchGit "/srv/other"'],
    ['the search path', 'import <nixpkgs> { }'],
    ['the time', 'builtins.currentTime'],
    ['an unlocked flake', 'builtins.getFlake "nixpkgs"'],
    ['an unlocked URL', 'builtins.fetchurl "http://127.0.0.1:9/x"'],
    ['a program', 'builtins.exec [ "id" ]'],
  ])('read %s', async (_, expression) => {
    await expect(evaluate(`{ proxnix = ${expression}; }`)).rejects.toThrow(UserError);
  });

  it('see the environment of the bot', async () => {
    vi.stubEnv('PROXNIX_CANARY', 'seen');
    expect(await evaluate('{ proxnix = [ (builtins.getEnv "PROXNIX_CANARY") (builtins.getEnv "HOME") ]; }')).toEqual([
      '',
      '',
    ]);
  });

  it('leave its repository by its folder', async () => {
    const builder = new NixBuilder(await nixOptions());
    const source = await aFlake('{ proxnix = 1; }');
    for (const dir of ['../..', '..', '.', '/etc', 'a/../..', 'a//b', '']) {
      await expect(builder.evaluateFleet({ ...source, dir }), dir).rejects.toThrow(UserError);
    }
  });

  it('run for ever: it is killed when it does not listen', async () => {
    const options = await nixOptions({ evalTimeoutMs: 500, killAfterMs: 200 });
    const busy = `let count = n: if n == 0 then 0 else count (n - 1);
      again = builtins.genList (n: count 1000 + n) 100000000; in builtins.foldl' (a: b: a + b) 0 again`;
    const asking = new NixBuilder(options).evaluateFleet(await aFlake(`{ proxnix = ${busy}; }`));
    await expect(asking).rejects.toThrow('The evaluation of the VM list took longer than 0.5 s and was stopped.');
    const { stdout } = await execa('ps', ['-eo', 'args'], { reject: false });
    expect(stdout.split('\n').filter((line) => line.includes(options.dir))).toEqual([]);
  });

  it('take more memory than it is given', async () => {
    const options = await nixOptions({ evalMemoryBytes: 600 * 2 ** 20 });
    const large = 'builtins.length (builtins.genList (n: n) 500000000)';
    await expect(new NixBuilder(options).evaluateFleet(await aFlake(`{ proxnix = ${large}; }`))).rejects.toMatchObject({
      message: expect.stringContaining('The evaluation needs more than 600 MiB.'),
      next: expect.stringContaining('NIX_EVAL_MEMORY'),
    });
  });
});

describe.skipIf(nix === undefined)('NixBuilder', () => {
  it('takes names of a push as data', async () => {
    const names = [
      '--option',
      '$(touch pwned)',
      '; touch pwned',
      '../../etc',
      '${' + 'builtins.abort "x"}',
      '"',
      "''",
      '\\',
      'a\nb',
    ];
    const outputs = `{ proxnix.vms = builtins.fromJSON (builtins.readFile ./names.json); nixosConfigurations = { }; }`;
    const repository = await aSampleRepository();
    const vms = Object.fromEntries(names.map((name) => [name, { name, image_type: name }]));
    await commitFiles(repository, 'Strange names', {
      'flake.nix': `{ outputs = { self }: ${outputs}; }\n`,
      'names.json': JSON.stringify(vms),
    });
    const source = await pinned(repository);
    const builder = new NixBuilder(await nixOptions());
    expect(await builder.evaluateFleet(source)).toEqual({ vms });
    const error: unknown = await imagesOf(builder, source, names.map(vmImage)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'UserError', next: 'The flake has no nixosConfigurations.' });
  });

  it('is not misled by an image named like what Nix prints as a string', async () => {
    const outputs = '{ nixosConfigurations.outPath.config.system.build.qcow2 = throw "here"; }';
    const asking = imagesOf(new NixBuilder(await nixOptions()), await aFlake(outputs), [vmImage('outPath')]);
    await expect(asking).rejects.toThrow('The image outPath does not evaluate: here');
  });

  it.each([
    ['text', '"a text"'],
    ['a path of the machine', '{ drvPath = "/etc/passwd"; outPath = "/etc/passwd"; }'],
    ['a path above the store', '{ drvPath = "/nix/store/../../x.drv"; outPath = "/nix/store/.."; }'],
    ['no derivation of the store', `{ drvPath = "/etc/passwd"; outPath = "/nix/store/${'0'.repeat(32)}-x"; }`],
    ['no path of the store', `{ drvPath = "/nix/store/${'0'.repeat(32)}-x.drv"; outPath = "/etc/passwd"; }`],
  ])('refuses an image that is %s', async (_, value) => {
    const outputs = `{ nixosConfigurations.web.config.system.build.qcow2 = ${value}; }`;
    const asking = imagesOf(new NixBuilder(await nixOptions()), await aFlake(outputs), [vmImage('web')]);
    await expect(asking).rejects.toThrow(/^The image web /);
  });

  it('says which attribute an image lacks', async () => {
    const outputs = '{ nixosConfigurations.web.config.system.build.raw = 1; }';
    const asking = imagesOf(new NixBuilder(await nixOptions()), await aFlake(outputs), [vmImage('web')]);
    await expect(asking).rejects.toMatchObject({
      message: 'The image web has no attribute qcow2 (nixosConfigurations.web.config.system.build.qcow2).',
    });
  });

  it('reads another attribute when it is told to', async () => {
    const [disk, lxc] = ['disk/web.qcow2', 'tarball/web.tar.xz'].map(
      (file) => `${generated} // { passthru.filePath = "${file}"; }`,
    );
    const outputs = `{ nixosConfigurations.web.config.formats = { qcow = ${disk}; lxc = ${lxc}; }; }`;
    const told = { attribute: 'config.formats.qcow', containerAttribute: 'config.formats.lxc' };
    const builder = new NixBuilder(await nixOptions(told));
    expect(await imagesOf(builder, await aFlake(outputs), [vmImage('web'), containerImage('web')])).toEqual([
      expect.objectContaining({ attr: 'nixosConfigurations.web.config.formats.qcow', file: 'disk/web.qcow2' }),
      expect.objectContaining({ attr: 'nixosConfigurations.web.config.formats.lxc', file: 'tarball/web.tar.xz' }),
    ]);
    // A file that the fleet names is the one that counts.
    const named = new NixBuilder(await nixOptions({ ...told, imageFile: 'other.qcow2' }));
    expect(await imagesOf(named, await aFlake(outputs), [vmImage('web')])).toEqual([
      expect.objectContaining({ file: 'other.qcow2' }),
    ]);
  });

  it('tells which firmware an image boots by, where its configuration says it', async () => {
    const grub = (more: string) => `grub = { enable = true; efiSupport = false; device = "/dev/vda"; } // { ${more} };`;
    const loaders = {
      none: '',
      systemd: 'systemd-boot.enable = true;',
      grub: grub(''),
      hybrid: grub('efiSupport = true;'),
      nowhere: grub('device = "nodev";'),
      throws: 'systemd-boot.enable = throw "no";',
      odd: 'systemd-boot = 7; grub = "x";',
    };
    const configurations = Object.entries(loaders).map(
      ([name, loader]) =>
        `${name}.config = { boot.loader = { ${loader} }; system.build = rec { qcow2 = ${generated}; images.qemu-efi = qcow2; images.qemu = qcow2; }; };`,
    );
    const flake = await aFlake(`{ nixosConfigurations = { ${configurations.join(' ')} }; }`);
    const names = Object.keys(loaders);
    const read = async (attribute?: string) => {
      const builder = new NixBuilder(await nixOptions(attribute === undefined ? {} : { attribute }));
      const images = await imagesOf(builder, flake, names.map(vmImage));
      return Object.fromEntries(
        images.flatMap(({ type, firmware }) => (firmware === undefined ? [] : [[type, firmware]])),
      );
    };
    expect(await read()).toEqual({ systemd: 'uefi', grub: 'bios' });
    expect(await read('config.system.build.images.qemu-efi')).toEqual(
      Object.fromEntries(names.map((name) => [name, 'uefi'])),
    );
    // Its configuration is another one than that of the machine.
    expect(await read('config.system.build.images.qemu')).toEqual({});
  });

  it('reads a flake that lies in a folder', async () => {
    const repository = await aSampleRepository();
    await commitFiles(repository, 'A folder', {
      'hosts/production 2/x': '',
      'hosts/a/flake.nix': '{ outputs = { self }: { proxnix = 7; }; }',
    });
    expect(await new NixBuilder(await nixOptions()).evaluateFleet(await pinned(repository, 'hosts/a'))).toBe(7);
  });

  it('says so when the flake has no output proxnix', async () => {
    await expect(new NixBuilder(await nixOptions()).evaluateFleet(await aFlake('{ }'))).rejects.toMatchObject({
      message: expect.stringContaining('the flake has no output named proxnix'),
      next: 'Give the flake an output proxnix with the attribute vms.',
    });
  });

  it('works under restricted evaluation', async () => {
    const builder = new NixBuilder(await nixOptions({ restrictEval: true }));
    const source = await pinned(await aSampleRepository());
    expect(await builder.evaluateFleet(source)).toHaveProperty('vms');
    expect(await imagesOf(builder, source, [vmImage(website)])).toHaveLength(1);
  });

  it('blames the flake, not an image, for what is wrong before any image', async () => {
    const outputs = '{ nixosConfigurations = throw "no lib"; }';
    const asking = imagesOf(new NixBuilder(await nixOptions()), await aFlake(outputs), [vmImage('web'), vmImage('db')]);
    await expect(asking).rejects.toThrow(/^The flake of commit [0-9a-f]{7} does not evaluate: no lib/);
  });

  it('names the image of an error that is not caught, with its file in the flake and the line of the option', async () => {
    const repository = await aSampleRepository();
    const image = `throw ("The option \`networking.nameserver' defined in \`" + toString ./hosts/web.nix + "' does not exist.")`;
    const good = `derivation { name = "good"; system = "${nix?.system}"; builder = "/bin/sh"; }`;
    await commitFiles(repository, 'A wrong option', {
      'flake.nix': `{ outputs = { self }: { nixosConfigurations = {
        web.config.system.build.qcow2 = { type = "derivation"; outPath = "x"; drvPath = ${image}; };
        bad.config.system.build.qcow2 = { outPath = "x"; drvPath = 1 + "a"; };
        db.config.system.build.qcow2 = ${good};
      }; }; }`,
      'hosts/web.nix': '{\n  # the nameserver\n  services.nameserver2 = 1;\n  networking.nameserver = 1;\n}\n',
    });
    const evaluated: unknown[] = [];
    const log = { debug: ({ what }: { what?: string }) => evaluated.push(what) };
    const builder = new NixBuilder(await nixOptions({ log, workers: 1 }));
    const asking = imagesOf(builder, await pinned(repository), ['db', 'bad', 'web'].map(vmImage));
    await expect(asking).rejects.toMatchObject({
      message: 'These images do not evaluate: bad, web.',
      details: expect.arrayContaining([
        expect.stringMatching(/^The image bad does not evaluate: cannot add a string to an integer \(flake\.nix:3:/),
        'The image web does not evaluate: There is no option networking.nameserver (hosts/web.nix:4).',
      ]),
    });
    expect(evaluated).toEqual(['db, bad, web', 'db, web', 'web']);
  });

  it('tells what a flake warns of, also when the answer is known already; what it traces is for the log', async () => {
    const good = `derivation { name = "good"; system = "${nix?.system}"; builder = "/bin/sh"; }`;
    const outputs = `{
      proxnix = builtins.trace "warning: old vms" 1;
      nixosConfigurations.web.config.system.build.qcow2 =
        builtins.trace "warning: the module is old" (builtins.trace "a trace" (${good}));
    }`;
    const logged: unknown[] = [];
    const log = { debug: (facts: object, message: string) => logged.push({ ...facts, message }) };
    const builder = new NixBuilder(await nixOptions({ log }));
    const source = await aFlake(outputs);
    for (let round = 0; round < 2; round++) {
      const warned: string[] = [];
      await builder.evaluateFleet(source, undefined, (text) => warned.push(text));
      await imagesOf(builder, source, [vmImage('web')], undefined, (text) => warned.push(text));
      expect(new Set(warned)).toEqual(new Set(['old vms', 'the module is old']));
    }
    expect(logged).toContainEqual({ message: 'the flake traced', what: 'web', text: 'a trace' });
  });

  it('reports one reason of several images once', async () => {
    const outputs = '{ nixosConfigurations = builtins.mapAttrs (name: v: abort "no lib") { web = 1; db = 2; }; }';
    const asking = imagesOf(new NixBuilder(await nixOptions()), await aFlake(outputs), [vmImage('web'), vmImage('db')]);
    await expect(asking).rejects.toThrow(/^The images web, db do not evaluate, all for one reason: .*no lib/);
  });

  it('gives the settings of Nix where the process list does not show them', async () => {
    const base = await nixOptions();
    const bin = await mkdtemp(join(base.dir, 'bin-'));
    await chmod(bin, 0o755);
    for (const program of ['nix', 'nix-store', 'nix-daemon']) {
      const { stdout: real } = await execa('sh', ['-c', `command -v ${program}`]);
      await writeFile(join(bin, program), `#!/bin/sh\nprintf '%s\\n' "$*" >> "$HOME/arguments"\nexec ${real} "$@"\n`);
      await chmod(join(bin, program), 0o755);
    }
    const config = { ...base.config, 'access-tokens': 'example.org=canary' };
    const builder = new NixBuilder({ ...base, nixBinDir: bin, config });
    await builder.evaluateFleet(await pinned(await aSampleRepository()));
    const [inside, outside] = await Promise.all(
      ['source', 'home'].map((home) => readFile(join(base.dir, home, 'arguments'), 'utf8')),
    );
    expect(inside).toContain('--option pure-eval true');
    expect(outside).toContain('--version');
    expect(`${inside}${outside}`).not.toContain('canary');
  });

  it('cancels an evaluation', async () => {
    const cancel = new AbortController();
    const options = await nixOptions({ killAfterMs: 200 });
    const busy =
      "let f = n: if n == 0 then 0 else f (n - 1); in builtins.foldl' (a: n: a + f 1000) 0 (builtins.genList (n: n) 1000000)";
    const source = await aFlake(`{ proxnix = ${busy}; }`);
    const asking = new NixBuilder(options).evaluateFleet(source, cancel.signal);
    setTimeout(() => cancel.abort(), 300);
    await expect(asking).rejects.toThrow('The evaluation was cancelled.');
  });
});

it('says how to get Nix when it is missing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-none-'));
  onTestFinished(() => removeTree(dir));
  const builder = new NixBuilder({ dir, nixBinDir: join(dir, 'nowhere') });
  const source = { mirror: '/srv/mirror.git', ref: 'refs/proxnix/r-1', rev: 'a'.repeat(40) };
  await expect(builder.evaluateFleet(source)).rejects.toMatchObject({
    name: 'UserError',
    next: expect.stringContaining('apt-get install nix-bin'),
  });
});
