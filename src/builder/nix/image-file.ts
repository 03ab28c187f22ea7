import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ImageFile } from '../../cluster/cluster.ts';
import { UserError } from '../../core/errors.ts';
import type { GuestKind, Image } from '../../core/guest.ts';
import { imageTitle } from '../../core/guest.ts';
import { readText } from '../../lib/streams.ts';
import { chooseFile, exists, firstBytes, realPath, resolveInStore } from './store.ts';

/** Bytes of a list of build products. */
const longestList = 64 * 1024;

/**
 * The file inside a built image: the setting, else what the image told (`passthru.filePath`, then Hydra's build
 * products), else the only one that looks like it; some builders make the output the file itself. Links are followed
 * inside the store only, and a file that is not what it should be is refused, because the image is made by code of the
 * push.
 * @param root the folder that stands for `/` of the store
 * @throws UserError
 */
export async function findImageFile(root: string, image: Image, wanted?: string): Promise<ImageFile> {
  const picked = await pickFile(root, image, wanted);
  if (picked !== image.storePath && !picked.startsWith(`${image.storePath}/`)) {
    // What the approval was for is this store path, not one beside it.
    throw new UserError(`The image ${imageTitle(image)} names a file outside of itself: ${picked}.`, chooseFile(image));
  }
  const path = await resolveInStore(root, picked, image);
  const { size, isFile } = await lstat(path).then((stat) => ({ size: stat.size, isFile: stat.isFile() }));
  if (!isFile) {
    const told = wanted ?? image.file ?? image.storePath;
    throw new UserError(`The image ${imageTitle(image)} is no file: ${told}.`, chooseFile(image));
  }
  if (image.kind === 'vm') return { image, path, size, virtualSize: await diskSize(path, size, image) };
  await checkTarball(path, image);
  return { image, path, size };
}

async function pickFile(root: string, image: Image, wanted: string | undefined): Promise<string> {
  const told = wanted ?? image.file;
  if (told !== undefined)
    return join(image.storePath, told.startsWith(`${image.storePath}/`) ? told.slice(image.storePath.length) : told);
  const top = await resolveInStore(root, image.storePath, image);
  if ((await lstat(top)).isFile()) return image.storePath;
  const product = await buildProduct(root, image);
  if (product !== undefined) return product;
  const { name, names } = imageLooks[image.kind];
  const found = (await listing(root, image)).filter((path) => name.test(path));
  const [only] = found;
  if (found.length === 1 && only !== undefined) return join(image.storePath, only);
  const what = found.length === 0 ? `holds no ${names}` : `holds several: ${found.slice(0, 10).join(', ')}`;
  throw new UserError(`The image ${imageTitle(image)} ${what}.`, chooseFile(image));
}

async function buildProduct(root: string, image: Image): Promise<string | undefined> {
  const list = join(image.storePath, 'nix-support/hydra-build-products');
  if (!(await exists(realPath(root, list)))) return undefined;
  const text = await readText(createReadStream(await resolveInStore(root, list, image)), longestList);
  const { product } = imageLooks[image.kind];
  const paths = text.split('\n').flatMap((line) => product.exec(line)?.slice(1) ?? []);
  return paths.length === 1 ? paths[0] : undefined;
}

/** What lies in the output, and in the folder of it that images of this kind may be in, by path below the output. */
async function listing(root: string, image: Image): Promise<readonly string[]> {
  const { folder } = imageLooks[image.kind];
  const top = await namesIn(root, image, '.');
  if (folder === undefined || !top.includes(folder)) return top;
  return [...top, ...(await namesIn(root, image, folder))];
}

async function namesIn(root: string, image: Image, folder: string): Promise<readonly string[]> {
  const path = await resolveInStore(root, join(image.storePath, folder), image);
  if (!(await lstat(path)).isDirectory()) return [];
  return (await readdir(path)).map((name) => join(folder, name));
}

/** How the file of an image is found where nobody tells its path. */
interface ImageLook {
  /** Its line among Hydra's build products. */
  readonly product: RegExp;
  readonly name: RegExp;
  /** The names for people. */
  readonly names: string;
  /** A folder of the output that it may lie in, beside the output itself. */
  readonly folder?: string;
}

/** How the image file of each kind of guest is found where nothing names its path. */
export const imageLooks: Readonly<Record<GuestKind, ImageLook>> = {
  // newer make-disk-image writes `file qcow2-image <path>`
  vm: { product: /^file \S+ (\/\S+)$/, name: /\.qcow2$/, names: '*.qcow2' },
  // nixpkgs, nixos/lib/make-system-tarball.sh
  container: {
    product: /^file system-tarball (\/\S+)$/,
    name: /\.tar\.(?:xz|zst|gz|bz2)$/,
    names: '*.tar.xz, *.tar.zst, *.tar.gz or *.tar.bz2',
    folder: 'tarball',
  },
};

const standAlone = { next: 'Convert it to a disk that stands alone: qemu-img convert -O qcow2.' };

/**
 * The size a guest sees of a disk image. A qcow2 that reads from another file is refused, because the image is made by
 * code of the push.
 * @throws UserError
 */
export async function diskSize(path: string, size: number, image: Image): Promise<number> {
  const header = readQcow2Header(await firstBytes(path, qcow2HeaderBytes));
  if (header === undefined) {
    if (/\.(?:img|raw)$/.test(path)) return size;
    throw new UserError(`The image ${imageTitle(image)} is neither a qcow2 nor a raw file.`, {
      next: 'Proxmox imports qcow2 and raw disks; choose another image attribute or image file for this fleet.',
    });
  }
  if (header.backingFile)
    throw new UserError(`The image ${imageTitle(image)} reads from a backing file, which is refused.`, standAlone);
  if (header.dataFile)
    throw new UserError(`The image ${imageTitle(image)} keeps its data in another file, which is refused.`, standAlone);
  return header.virtualSize;
}

/** What Proxmox VE takes as a template of a container; a plain `.tar` is left out, because 8.4 refuses it. */
const compressions = [
  { ending: '.tar.xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { ending: '.tar.zst', magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { ending: '.tar.gz', magic: [0x1f, 0x8b] },
  { ending: '.tar.bz2', magic: [0x42, 0x5a, 0x68] },
] as const;

const choose = {
  next: 'Proxmox takes .tar.xz, .tar.zst, .tar.gz and .tar.bz2, and goes by the name; choose another container attribute or container file for this fleet.',
};

/**
 * Proxmox goes by the name and unpacks long after the upload: a file that is something else is refused here.
 * @throws UserError
 */
export async function checkTarball(path: string, image: Image): Promise<void> {
  const name = basename(path);
  const told = compressions.find(({ ending }) => name.endsWith(ending));
  if (told === undefined)
    throw new UserError(`The image ${imageTitle(image)} is no compressed tarball by its name, ${name}.`, choose);
  const head = await firstBytes(path, 6);
  const found = compressions.find(({ magic }) => magic.every((byte, index) => head[index] === byte));
  if (found === told) return;
  const what =
    found === undefined ? `is no ${told.ending} by its first bytes` : `is a ${found.ending} by its first bytes`;
  throw new UserError(`The file ${name} of the image ${imageTitle(image)} ${what}.`, choose);
}

/** What the first bytes of a qcow2 file say. Sizes in bytes. */
export interface Qcow2Header {
  readonly virtualSize: number;
  /** The image reads from another file: refused, because the image is made by code of the push. */
  readonly backingFile: boolean;
  /** Its data lies in another file: refused for the same reason. */
  readonly dataFile: boolean;
}

/** How many bytes of a file `readQcow2Header` wants to see. */
export const qcow2HeaderBytes = 104;

/** Reads a qcow2 header (QEMU's docs/interop/qcow2.txt, versions 2 and 3); `undefined` when it is none. */
export function readQcow2Header(bytes: Uint8Array): Qcow2Header | undefined {
  if (bytes.length < 72) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x514649fb) return undefined;
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) return undefined;
  const incompatible = version === 3 && bytes.length >= 80 ? view.getBigUint64(72) : 0n;
  return {
    virtualSize: Number(view.getBigUint64(24)),
    backingFile: view.getBigUint64(8) !== 0n,
    dataFile: (incompatible & 4n) !== 0n,
  };
}
