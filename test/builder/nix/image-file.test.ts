import { mkdir, mkdtemp, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findImageFile } from '../../../src/builder/nix/image-file.ts';
import { sampleDisk } from '../../../src/demo/sample-disk.ts';
import { removeTree } from '../../../src/lib/system.ts';
import { tarball } from './tarballs.ts';

const out = `/nix/store/${'0'.repeat(32)}-image`;
const other = `/nix/store/${'1'.repeat(32)}-other`;
const image = { kind: 'vm' as const, type: 'web', attr: 'x', drvPath: `${out}.drv`, storePath: out };

/** A store with these files; a text that begins with `->` is a link. */
async function aStore(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'proxnix-store-'));
  onTestFinished(() => removeTree(root));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    if (typeof content === 'string' && content.startsWith('-> ')) await symlink(content.slice(3), join(root, path));
    else await writeFile(join(root, path), content);
  }
  return root;
}

const disk = sampleDisk('text');

describe('findImageFile', () => {
  it.each<readonly [string, Record<string, string | Uint8Array>, { file?: string; wanted?: string }, string]>([
    ['the output itself', { [out]: disk }, {}, out],
    [
      'an output that is a link to the file',
      { [out]: `-> ${other}/a.qcow2`, [`${other}/a.qcow2`]: disk },
      {},
      `${other}/a.qcow2`,
    ],
    ['the only qcow2', { [`${out}/nixos.qcow2`]: disk, [`${out}/README`]: '' }, {}, `${out}/nixos.qcow2`],
    ['a link to it', { [`${out}/nixos.qcow2`]: '-> sub/disk', [`${out}/sub/disk`]: disk }, {}, `${out}/sub/disk`],
    [
      "Hydra's product",
      {
        [`${out}/a.qcow2`]: '',
        [`${out}/b.qcow2`]: disk,
        [`${out}/nix-support/hydra-build-products`]: `file qcow2-image ${out}/b.qcow2\n`,
      },
      {},
      `${out}/b.qcow2`,
    ],
    [
      'what evaluation told',
      { [`${out}/a.qcow2`]: '', [`${out}/sub/b.qcow2`]: disk },
      { file: 'sub/b.qcow2' },
      `${out}/sub/b.qcow2`,
    ],
    ['a whole path that evaluation told', { [`${out}/b.qcow2`]: disk }, { file: `${out}/b.qcow2` }, `${out}/b.qcow2`],
    [
      'what the settings say before all',
      { [`${out}/a.qcow2`]: disk, [`${out}/b.qcow2`]: '' },
      { file: 'b.qcow2', wanted: 'a.qcow2' },
      `${out}/a.qcow2`,
    ],
  ])('finds %s', async (_, files, { file, wanted }, path) => {
    const root = await aStore(files);
    const found = await findImageFile(root, file === undefined ? image : { ...image, file }, wanted);
    expect(found).toMatchObject({ path: join(root, path), size: 393_216, virtualSize: 2 ** 31 });
  });

  it('takes a raw disk at its size', async () => {
    const root = await aStore({ [`${out}/nixos.img`]: 'x'.repeat(1024) });
    expect(await findImageFile(root, image, 'nixos.img')).toMatchObject({ size: 1024, virtualSize: 1024 });
  });

  it.each<readonly [string, Record<string, string | Uint8Array>, string | undefined, RegExp]>([
    ['no qcow2', { [`${out}/README`]: '' }, undefined, /^The image web holds no \*\.qcow2\.$/],
    ['several', { [`${out}/a.qcow2`]: disk, [`${out}/b.qcow2`]: disk }, undefined, /holds several: a\.qcow2, b\.qcow2/],
    ['a missing file', { [`${out}/a`]: '' }, 'b.qcow2', /has no file b\.qcow2/],
    ['a folder', { [`${out}/a/b`]: '' }, 'a', /is no file: a/],
    ['something else', { [`${out}/a.vma.zst`]: 'VMA' }, 'a.vma.zst', /neither a qcow2 nor a raw file/],
    ['a qcow2 by name only', { [`${out}/a.qcow2`]: 'x'.repeat(200) }, undefined, /neither a qcow2 nor a raw file/],
    ['a way out by dots', { [`${out}/a`]: '' }, '../../../etc/passwd', /outside of itself/],
    [
      'another path of the store',
      { [`${out}/a`]: '' },
      '../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-other/a.qcow2',
      /outside of itself/,
    ],
    ['a link out of the store', { [`${out}/a.qcow2`]: '-> /etc/passwd' }, undefined, /outside the Nix store/],
    [
      'a relative link out of the store',
      { [`${out}/a.qcow2`]: '-> ../../../../etc/passwd' },
      undefined,
      /outside the Nix store/,
    ],
    [
      'a linked folder out of the store',
      { [`${out}/sub`]: '-> /etc', [`${out}/x`]: '' },
      'sub/passwd',
      /outside the Nix store/,
    ],
    [
      'a product out of the store',
      { [`${out}/nix-support/hydra-build-products`]: 'file qcow2-image /etc/passwd\n' },
      undefined,
      /outside of itself/,
    ],
    ['a circle of links', { [`${out}/a.qcow2`]: '-> b', [`${out}/b`]: '-> a.qcow2' }, undefined, /circle of links/],
  ])('refuses %s', async (_, files, wanted, message) => {
    const asking = findImageFile(await aStore(files), image, wanted);
    await expect(asking).rejects.toMatchObject({ name: 'UserError', message: expect.stringMatching(message) });
  });

  it('refuses a disk that reads from another file', async () => {
    const backed = Uint8Array.from(disk);
    new DataView(backed.buffer).setBigUint64(8, 4096n);
    await expect(findImageFile(await aStore({ [out]: backed }), image)).rejects.toThrow(
      /backing file, which is refused/,
    );
    const external = Uint8Array.from(disk);
    new DataView(external.buffer).setBigUint64(72, 4n);
    await expect(findImageFile(await aStore({ [out]: external }), image)).rejects.toThrow(
      /another file, which is refused/,
    );
  });
});

const container = { ...image, kind: 'container' as const };
const system = 'tarball/nixos-system-x86_64-linux.tar.xz';
const zst = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00);
const gz = Uint8Array.of(0x1f, 0x8b, 0x08, 0x00);
const bz2 = Uint8Array.of(0x42, 0x5a, 0x68, 0x39);

describe("findImageFile for a container's image", () => {
  it.each<readonly [string, Record<string, string | Uint8Array>, { file?: string; wanted?: string }, string]>([
    ['the tarball where nixpkgs puts it', { [`${out}/${system}`]: tarball }, {}, `${out}/${system}`],
    ['a tarball at the top', { [`${out}/a.tar.zst`]: zst, [`${out}/README`]: '' }, {}, `${out}/a.tar.zst`],
    ['one by gzip', { [`${out}/a.tar.gz`]: gz }, {}, `${out}/a.tar.gz`],
    ['one by bzip2', { [`${out}/tarball/a.tar.bz2`]: bz2 }, {}, `${out}/tarball/a.tar.bz2`],
    ['the output itself', { [`${out}.tar.xz`]: tarball, [out]: `-> ${out}.tar.xz` }, {}, `${out}.tar.xz`],
    [
      'a folder that is a link in the store',
      { [`${out}/tarball`]: `-> ${other}`, [`${other}/a.tar.xz`]: tarball },
      {},
      `${other}/a.tar.xz`,
    ],
    [
      "Hydra's product of that kind, beside others",
      {
        [`${out}/tarball/a.tar.xz`]: '',
        [`${out}/tarball/b.tar.xz`]: tarball,
        [`${out}/nix-support/hydra-build-products`]: `file log ${out}/log\nfile system-tarball ${out}/tarball/b.tar.xz\n`,
      },
      {},
      `${out}/tarball/b.tar.xz`,
    ],
    [
      'what evaluation told',
      { [`${out}/tarball/a.tar.xz`]: '', [`${out}/tarball/b.tar.xz`]: tarball },
      { file: 'tarball/b.tar.xz' },
      `${out}/tarball/b.tar.xz`,
    ],
    [
      'what the settings say before all',
      { [`${out}/a.tar.xz`]: tarball, [`${out}/b.tar.xz`]: '' },
      { file: 'b.tar.xz', wanted: 'a.tar.xz' },
      `${out}/a.tar.xz`,
    ],
  ])('finds %s', async (_, files, { file, wanted }, path) => {
    const root = await aStore(files);
    const asked = file === undefined ? container : { ...container, file };
    const { size } = await stat(join(root, path));
    expect(await findImageFile(root, asked, wanted)).toEqual({ image: asked, path: join(root, path), size });
  });

  it.each<readonly [string, Record<string, string | Uint8Array>, string | undefined, RegExp]>([
    [
      'no tarball',
      { [`${out}/nixos.qcow2`]: disk },
      undefined,
      /^The image web \(container\) holds no \*\.tar\.xz, \*\.tar\.zst, \*\.tar\.gz or \*\.tar\.bz2\.$/,
    ],
    [
      'several in one place and another',
      { [`${out}/a.tar.gz`]: gz, [`${out}/tarball/b.tar.xz`]: tarball },
      undefined,
      /holds several: a\.tar\.gz, tarball\/b\.tar\.xz/,
    ],
    [
      'a tarball that is not compressed',
      { [`${out}/a.tar`]: 'x' },
      'a.tar',
      /no compressed tarball by its name, a\.tar/,
    ],
    ['a backup of a VM', { [`${out}/a.vma.zst`]: zst }, 'a.vma.zst', /no compressed tarball by its name, a\.vma\.zst/],
    ['a disk', { [out]: disk }, undefined, /no compressed tarball by its name/],
    [
      'a tarball by name only',
      { [`${out}/a.tar.xz`]: 'x'.repeat(200) },
      undefined,
      /is no \.tar\.xz by its first bytes/,
    ],
    ['an empty file', { [`${out}/a.tar.gz`]: '' }, undefined, /is no \.tar\.gz by its first bytes/],
    ['the name of another compression', { [`${out}/a.tar.xz`]: zst }, undefined, /is a \.tar\.zst by its first bytes/],
    ['a folder', { [`${out}/a.tar.xz/b`]: '' }, undefined, /\(container\) is no file/],
    ['a link out of the store', { [`${out}/a.tar.xz`]: '-> /etc/passwd' }, undefined, /outside the Nix store/],
    ['a folder out of the store', { [`${out}/tarball`]: '-> ../../../../etc' }, undefined, /outside the Nix store/],
    [
      'a product out of the store',
      { [`${out}/nix-support/hydra-build-products`]: 'file system-tarball /etc/passwd\n' },
      undefined,
      /outside of itself/,
    ],
  ])('refuses %s', async (_, files, wanted, message) => {
    const asking = findImageFile(await aStore(files), container, wanted);
    await expect(asking).rejects.toMatchObject({ name: 'UserError', message: expect.stringMatching(message) });
  });

  it('says which setting tells the file', async () => {
    const root = await aStore({ [`${out}/README`]: '' });
    const next = (what: string) => ({ next: `Set the ${what} file of this fleet to its path below the store path.` });
    await expect(findImageFile(root, container)).rejects.toMatchObject(next('container'));
    await expect(findImageFile(root, image)).rejects.toMatchObject(next('image'));
  });
});

describe('a list of build products', () => {
  it('is read to a limit: a build writes what it wants', async () => {
    const list = '# not a product\n'.repeat(5000);
    const root = await aStore({
      [`${out}/a.qcow2`]: disk,
      [`${out}/b.qcow2`]: disk,
      [`${out}/nix-support/hydra-build-products`]: `${list}file qcow2-image ${out}/b.qcow2\n`,
    });
    await expect(findImageFile(root, image)).rejects.toThrow(/holds several/);
  });
});
