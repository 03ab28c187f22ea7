import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageFile } from '../../cluster/cluster.ts';
import { UserError } from '../../core/errors.ts';
import type { Image } from '../../core/guest.ts';
import { readText } from '../../lib/streams.ts';
import { imageTitle } from '../images.ts';
import { diskSize } from './disk.ts';
import { chooseFile, imageLooks } from './image-kinds.ts';
import { realPath } from './names.ts';
import { exists, resolveInStore } from './store-files.ts';
import { checkTarball } from './tarball.ts';

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
