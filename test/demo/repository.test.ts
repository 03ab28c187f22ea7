import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import * as edits from '../../src/demo/edits.ts';
import {
  commitFiles,
  createSampleRepository,
  openSampleRepository,
  readSample,
  type SampleRepository,
} from '../../src/demo/repository.ts';
import { removeTree } from '../../src/lib/system.ts';

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'proxnix-repository-'));
  onTestFinished(() => removeTree(folder));
  return folder;
}

async function aRepository(): Promise<SampleRepository> {
  return createSampleRepository(await aFolder(), { system: 'x86_64-linux', now: () => new Date(1_750_000_000_000) });
}

async function changed(repository: SampleRepository): Promise<string> {
  const args = ['--git-dir', repository.origin, 'diff', '--unified=0', '--no-color', 'main~1', 'main'];
  const { stdout } = await execa('git', args);
  const lines = stdout.split('\n').filter((line) => /^(?:\+\+\+ |[-+] )/.test(line) && !line.startsWith('---'));
  return lines.map((line) => line.replace(/^\+\+\+ b\//, '').replace(/\s+/g, ' ')).join('\n');
}

describe('the sample repository', () => {
  it('is the same commit wherever and whenever it is made', async () => {
    const head = async ({ origin }: SampleRepository) =>
      (await execa('git', ['--git-dir', origin, 'rev-parse', 'main'])).stdout;
    expect(await head(await aRepository())).toBe(await head(await aRepository()));
  });

  it('is pushed to a bare repository with the author and date of the options', async () => {
    const author = { name: 'Ada', email: 'ada@example.org' };
    const now = () => new Date(1_750_000_000_000);
    const repository = await createSampleRepository(await aFolder(), { system: 'aarch64-linux', author, now });
    const { stdout } = await execa('git', ['--git-dir', repository.origin, 'log', '--format=%an %ae %ct %s', 'main']);
    expect(stdout).toBe('Ada ada@example.org 1750000000 Four VMs');
    expect(await readSample(repository, 'flake.nix')).toContain('system = "aarch64-linux";');
  });

  it('can be opened again and edited by another process', async () => {
    const repository = await aRepository();
    const again = openSampleRepository(join(repository.dir, '..'));
    const sha = await edits.editMemory(again, 'cp', 4096);
    expect((await execa('git', ['--git-dir', repository.origin, 'rev-parse', 'main'])).stdout).toBe(sha);
  });

  it('runs the hooks of the bare repository, and none of the person at the keyboard', async () => {
    const repository = await aRepository();
    const home = await aFolder();
    const hook = async (path: string, text: string) => {
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, text);
      await chmod(path, 0o755);
    };
    await hook(join(home, 'hooks/pre-commit'), '#!/bin/sh\nexit 1\n');
    await writeFile(join(home, '.gitconfig'), `[core]\n\thooksPath = ${home}/hooks\n[commit]\n\tgpgSign = true\n`);
    vi.stubEnv('HOME', home);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    await hook(join(repository.origin, 'hooks/post-receive'), `#!/bin/sh\ncat > ${home}/received\n`);
    const sha = await edits.editReadme(repository);
    expect(await readFile(join(home, 'received'), 'utf8')).toContain(`${sha} refs/heads/main`);
  });
});

describe('an edit', () => {
  it.each<readonly [string, (repository: SampleRepository) => Promise<string>, string]>([
    [
      'editImage',
      (repository) => edits.editImage(repository, 'website'),
      'images/website.nix\n- release = 1;\n+ release = 2;',
    ],
    [
      'editMemory',
      (repository) => edits.editMemory(repository, 'cp', 4096),
      'vms.nix\n- memory_mb = 2048;\n+ memory_mb = 4096;',
    ],
    ['growDisk', (repository) => edits.growDisk(repository, 'init'), 'vms.nix\n- disk_gb = 8;\n+ disk_gb = 32;'],
    ['shrinkDisk', (repository) => edits.shrinkDisk(repository, 'init'), 'vms.nix\n- disk_gb = 8;\n+ disk_gb = 4;'],
    [
      'protect',
      (repository) => edits.protect(repository, 'init'),
      'vms.nix\n- protected = false;\n+ protected = true;',
    ],
    [
      'renameGuest',
      (repository) => edits.renameGuest(repository, 'cp', 'boss'),
      'vms.nix\n- name = "test-cp";\n+ name = "boss";',
    ],
    [
      'useStorage',
      (repository) => edits.useStorage(repository, 'worker', 'full'),
      'vms.nix\n- storage_location = "local-lvm";\n+ storage_location = "full";',
    ],
    [
      'bumpPackage',
      (repository) => edits.bumpPackage(repository, 'website'),
      'images/website.nix\n- packages = { nginx = "1.26.2"; openssh = "9.9p2"; openssl = "3.0.13"; };\n+ packages = { nginx = "1.26.2"; openssh = "9.9p2"; openssl = "3.0.14"; };',
    ],
    [
      'openPort',
      (repository) => edits.openPort(repository, 'website'),
      'images/website.nix\n- ports = [ 22 80 443 ];\n+ ports = [ 22 80 443 8080 ];',
    ],
    [
      'addAdmin',
      (repository) => edits.addAdmin(repository, 'website'),
      'images/website.nix\n- admins = [ "ada" ];\n+ admins = [ "ada" "ops" ];',
    ],
    ['takeVmid', (repository) => edits.takeVmid(repository, 'init', 100), 'vms.nix\n- vm_id = 820;\n+ vm_id = 100;'],
    ['duplicateVmId', edits.duplicateVmId, 'vms.nix\n- vm_id = 822;\n+ vm_id = 821;'],
    ['addUnknownField', edits.addUnknownField, 'vms.nix\n+ memory_mib = 4096;'],
    ['breakSyntax', edits.breakSyntax, 'vms.nix\n- sockets = 1;\n+ sockets = 1'],
  ])('%s changes what it says and nothing else', async (_, edit, lines) => {
    const repository = await aRepository();
    await edit(repository);
    expect(await changed(repository)).toBe(lines);
  });

  it('removeGuest takes one entry, and emptyFleet all', async () => {
    const repository = await aRepository();
    await edits.removeGuest(repository, 'cp');
    const text = await readSample(repository, 'vms.nix');
    expect(text.match(/^ {2}[\w-]+ = \{$/gm)).toEqual(['  test-init = {', '  test-worker = {', '  test-website = {']);
    expect(text).not.toContain('\n\n\n');
    await edits.emptyFleet(repository);
    expect(await readSample(repository, 'vms.nix')).toMatch(/\{ \}\n$/);
  });

  it('addContainer declares it, and what is done to the VMs can be done to it', async () => {
    const repository = await aRepository();
    await edits.addContainer(repository);
    const lines = (await changed(repository)).split('\n');
    expect(lines.filter((line) => line.startsWith('-'))).toEqual([]);
    expect(lines).toEqual(
      expect.arrayContaining([
        'containers.nix',
        '+ vm_id = 824;',
        'flake.nix',
        '+ proxnix.containers = import ./containers.nix;',
        '+ lxc-cache.config = makeImage.container "cache" (import ./images/cache.nix);',
        'images/cache.nix',
      ]),
    );
    expect(await changed(repository)).not.toContain('vms.nix');
    await edits.editImage(repository, 'cache');
    expect(await changed(repository)).toBe('images/cache.nix\n- release = 1;\n+ release = 2;');
    await edits.editMemory(repository, 'cache', 1024);
    expect(await changed(repository)).toBe('containers.nix\n- memory_mb = 512;\n+ memory_mb = 1024;');
    await edits.removeGuest(repository, 'cache');
    expect(await readSample(repository, 'containers.nix')).toMatch(/\{\n\}\n$/);
    await edits.addContainer(repository);
    expect(await readSample(repository, 'containers.nix')).toContain('  test-cache = {');
  });

  it('addContainer says so when the container is there, and when the flake is another one', async () => {
    const repository = await aRepository();
    await edits.addContainer(repository);
    await expect(edits.addContainer(repository)).rejects.toThrow('The fleet declares test-cache already.');
    const other = await aRepository();
    await commitFiles(other, 'Mine', { 'flake.nix': '{ outputs = _: { }; }\n' });
    await expect(edits.addContainer(other)).rejects.toThrow('flake.nix is no longer as the demo wrote it.');
  });

  it('of a guest that is not declared is an error that says what adds it', async () => {
    const repository = await aRepository();
    await edits.removeGuest(repository, 'cp');
    await expect(edits.editMemory(repository, 'cp', 1024)).rejects.toMatchObject({
      message: 'The fleet does not declare test-cp.',
      next: '`npm run demo -- mend` brings it back.',
    });
    for (const edit of [edits.editImage, edits.protect, edits.removeGuest]) {
      await expect(edit(repository, 'cache')).rejects.toMatchObject({
        message: 'The fleet does not declare test-cache.',
        next: '`npm run demo -- add-container` adds it.',
      });
    }
  });

  it('leaves alone what a person wrote into the file', async () => {
    const repository = await aRepository();
    const text = (await readSample(repository, 'vms.nix')).replace('  test-cp = {', '  # the boss\n  test-cp = {');
    await writeFile(join(repository.dir, 'vms.nix'), text);
    await edits.editMemory(repository, 'cp', 8192);
    expect(await readSample(repository, 'vms.nix')).toBe(
      text.replace(/(test-cp = \{[\s\S]*?memory_mb = )2048/, '$18192'),
    );
  });
});
