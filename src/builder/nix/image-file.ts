import { lstat, open, readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { ImageFile } from '../../cluster/cluster.ts';
import { UserError } from '../../core/errors.ts';
import type { Image } from '../../core/guest.ts';
import { qcow2HeaderBytes, readQcow2Header } from '../../core/qcow2.ts';
import { realPath } from './names.ts';

/**
 * The file inside a built image: the setting, else what the image told (`passthru.filePath`, then Hydra's build
 * products), else its only `*.qcow2`; some builders make the output the file itself. Links are followed inside the store
 * only, and a qcow2 that reads from another file is refused, because the image is made by code of the push.
 * @param root the folder that stands for `/` of the store
 * @throws UserError
 */
export async function findImageFile(root: string, image: Image, wanted?: string): Promise<ImageFile> {
  const path = await resolveInStore(root, await pickFile(root, image, wanted), image);
  const { size, isFile } = await lstat(path).then((stat) => ({ size: stat.size, isFile: stat.isFile() }));
  if (!isFile)
    throw new UserError(`The image ${image.type} is no file: ${wanted ?? image.file ?? image.storePath}.`, chooseFile);
  return { image, path, size, virtualSize: await virtualSize(path, size, image) };
}

const chooseFile = { next: 'Set the image file of this fleet to its path below the store path.' };

async function pickFile(root: string, image: Image, wanted: string | undefined): Promise<string> {
  const told = wanted ?? image.file;
  if (told !== undefined)
    return join(image.storePath, told.startsWith(`${image.storePath}/`) ? told.slice(image.storePath.length) : told);
  const top = await resolveInStore(root, image.storePath, image);
  if ((await lstat(top)).isFile()) return image.storePath;
  const product = await buildProduct(root, image);
  if (product !== undefined) return product;
  const names = (await readdir(top)).filter((name) => name.endsWith('.qcow2'));
  const [only] = names;
  if (names.length === 1 && only !== undefined) return join(image.storePath, only);
  const found = names.length === 0 ? 'holds no *.qcow2' : `holds several: ${names.slice(0, 10).join(', ')}`;
  throw new UserError(`The image ${image.type} ${found}.`, chooseFile);
}

/** newer make-disk-image writes `file qcow2-image <path>`. */
async function buildProduct(root: string, image: Image): Promise<string | undefined> {
  const list = join(image.storePath, 'nix-support/hydra-build-products');
  if (!(await exists(realPath(root, list)))) return undefined;
  const text = await readFile(await resolveInStore(root, list, image), 'utf8');
  const paths = text.split('\n').flatMap((line) => /^file \S+ (\/\S+)$/.exec(line)?.slice(1) ?? []);
  return paths.length === 1 ? paths[0] : undefined;
}

/**
 * Follows every link of a path as the store means it: an absolute target is a path of the store, also when the store's
 * files lie in a folder of their own. Leaving the store is refused.
 */
async function resolveInStore(root: string, storePath: string, image: Image): Promise<string> {
  let path = normalize(storePath);
  for (let links = 0; links < 40; links++) {
    if (!/^\/nix\/store\/[^/]+/.test(path))
      throw new UserError(`The file of the image ${image.type} lies outside the Nix store.`);
    const link = await firstLink(root, path);
    if (link === undefined) {
      if (await exists(realPath(root, path))) return realPath(root, path);
      throw new UserError(
        `The image ${image.type} has no file ${path.slice(image.storePath.length + 1) || path}.`,
        chooseFile,
      );
    }
    path = normalize(link);
  }
  throw new UserError(`The file of the image ${image.type} is a circle of links.`);
}

/** The path with its first link replaced by what that points to; `undefined` when there is none. */
async function firstLink(root: string, path: string): Promise<string | undefined> {
  const parts = path.split('/').slice(1);
  for (let length = 3; length <= parts.length; length++) {
    const at = `/${parts.slice(0, length).join('/')}`;
    const target = await readlink(realPath(root, at)).catch(() => undefined);
    if (target === undefined) continue;
    return join(target.startsWith('/') ? target : join(dirname(at), target), ...parts.slice(length));
  }
  return undefined;
}

async function virtualSize(path: string, size: number, image: Image): Promise<number> {
  const header = readQcow2Header(await firstBytes(path, qcow2HeaderBytes));
  if (header === undefined) {
    if (/\.(?:img|raw)$/.test(path)) return size;
    throw new UserError(`The image ${image.type} is neither a qcow2 nor a raw file.`, {
      next: 'Proxmox imports qcow2 and raw disks; choose another image attribute or image file for this fleet.',
    });
  }
  if (header.backingFile)
    throw new UserError(`The image ${image.type} reads from a backing file, which is refused.`, standAlone);
  if (header.dataFile)
    throw new UserError(`The image ${image.type} keeps its data in another file, which is refused.`, standAlone);
  return header.virtualSize;
}

const standAlone = { next: 'Convert it to a disk that stands alone: qemu-img convert -O qcow2.' };

async function firstBytes(path: string, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
