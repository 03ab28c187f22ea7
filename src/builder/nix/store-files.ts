import { lstat, open, readlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { UserError } from '../../core/errors.ts';
import type { Image, ImageRequest } from '../../core/guest.ts';
import { imageTitle } from '../images.ts';
import { realPath } from './names.ts';

/**
 * Follows every link of a path as the store means it: an absolute target is a path of the store, also when the store's
 * files lie in a folder of their own. Leaving the store is refused.
 * @param root the folder that stands for `/` of the store
 */
export async function resolveInStore(root: string, storePath: string, image: Image): Promise<string> {
  let path = normalize(storePath);
  for (let links = 0; links < 40; links++) {
    if (!/^\/nix\/store\/[^/]+/.test(path))
      throw new UserError(`The file of the image ${imageTitle(image)} lies outside the Nix store.`);
    const link = await firstLink(root, path);
    if (link === undefined) {
      if (await exists(realPath(root, path))) return realPath(root, path);
      throw new UserError(
        `The image ${imageTitle(image)} has no file ${path.slice(image.storePath.length + 1) || path}.`,
        chooseFile(image),
      );
    }
    path = normalize(link);
  }
  throw new UserError(`The file of the image ${imageTitle(image)} is a circle of links.`);
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

/** Is there a file, a folder or a link at this path? */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Fewer than `length` bytes when the file has no more. */
export async function firstBytes(path: string, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What to do when the wrong file was found, or none. */
export function chooseFile({ kind }: ImageRequest): { readonly next: string } {
  const what = kind === 'vm' ? 'image' : 'container';
  return { next: `Set the ${what} file of this fleet to its path below the store path.` };
}
