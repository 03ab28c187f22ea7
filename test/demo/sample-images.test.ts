import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readQcow2Header } from '../../src/builder/nix/image-file.ts';
import { sampleDisk } from '../../src/demo/sample-disk.ts';
import { diskScript, rootScript, tarballScript } from '../../src/demo/sample-scripts.ts';
import { sampleTarball } from '../../src/demo/sample-tarball.ts';
import { removeTree } from '../../src/lib/system.ts';

const text = 'host name: test-web\nrelease: 1\nservice: openssh\nservice: nginx\n';
const qemu = (await execa('qemu-img', ['--version'], { reject: false })).exitCode === 0;
if (!qemu && process.env['CI'] === 'true') throw new Error('these tests need qemu-img');
if (!qemu) process.stderr.write('skipped, because qemu-img is not installed: what it says of the sample disk\n');
const tools = await Promise.all(['zstd', 'tar'].map((name) => execa(name, ['--version'], { reject: false })));
const zstd = tools.every(({ exitCode }) => exitCode === 0);
if (!zstd) process.stderr.write('skipped, because zstd or tar is not installed: what they say of the sample tarball\n');

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'proxnix-disk-'));
  onTestFinished(() => removeTree(folder));
  return folder;
}

describe('the sample disk', () => {
  it('is a qcow2 of 2 GiB that stands alone', () => {
    expect(readQcow2Header(sampleDisk(text))).toEqual({ virtualSize: 2 ** 31, backingFile: false, dataFile: false });
  });

  it.skipIf(!qemu)('has no fault that qemu-img knows, and holds the text', async () => {
    const dir = await aFolder();
    const file = join(dir, 'disk.qcow2');
    await writeFile(file, sampleDisk(text));
    const check = JSON.parse((await execa('qemu-img', ['check', '--output=json', file])).stdout);
    expect(check).toMatchObject({ 'check-errors': 0, 'allocated-clusters': 1 });
    expect(check).not.toHaveProperty('leaks');
    const info = JSON.parse((await execa('qemu-img', ['info', '--output=json', file])).stdout);
    expect(info).toMatchObject({ format: 'qcow2', 'virtual-size': 2 ** 31, 'cluster-size': 65_536 });
    await execa('qemu-img', ['dd', '-O', 'raw', 'bs=512', 'count=1', `if=${file}`, `of=${join(dir, 'start')}`]);
    expect(
      (await execa('head', ['-c', String(text.length), join(dir, 'start')], { stripFinalNewline: false })).stdout,
    ).toBe(text);
  });
});

describe('the sample tarball', () => {
  it.skipIf(!zstd)('is a .tar.zst that zstd and tar read, and holds the text', async () => {
    const file = join(await aFolder(), 'root.tar.zst');
    await writeFile(file, sampleTarball(text));
    await execa('zstd', ['--test', '--quiet', file]);
    expect((await execa('tar', ['--zstd', '-tvf', file])).stdout).toMatch(/^-rw-r--r-- .+ 65536 .+ etc\/motd$/);
    const { stdout } = await execa('tar', ['--zstd', '-xOf', file], { stripFinalNewline: false });
    expect(stdout).toBe(text.padEnd(65_536));
  });
});

describe('the scripts of the sample images', () => {
  it.each(['sh', 'bash', 'dash', 'busybox'])(
    'write the same bytes under %s, with nothing but its builtins',
    async (shell) => {
      const found = await execa('sh', ['-c', 'command -v "$1"', 'sh', shell], { reject: false });
      // Every machine has sh; the others are tried where they are.
      if (found.exitCode !== 0 && shell !== 'sh') return;
      const dir = await aFolder();
      const run = async (script: string, env: Record<string, string>) => {
        await writeFile(join(dir, 'script'), script);
        const args = [...(shell === 'busybox' ? ['sh'] : []), join(dir, 'script')];
        return execa(found.stdout, args, { extendEnv: false, env: { PATH: '/nowhere', ...env } });
      };
      const root = join(dir, 'root');
      const image = { hostName: 'test-web', release: '1', services: 'openssh nginx', postBuild: '' };
      expect((await run(rootScript, { ...image, out: root })).stdout).toBe(
        'collecting the files of test-web\nadding openssh\nadding nginx',
      );
      const out = join(dir, 'image');
      const images = [
        [diskScript, sampleDisk],
        [tarballScript, sampleTarball],
      ] as const;
      for (const [script, bytes] of images) {
        await run(script, { hostName: 'test-web', root, out });
        expect((await readFile(out)).equals(bytes(text))).toBe(true);
      }
    },
  );
});
