import { basename } from 'node:path';
import { UserError } from '../../core/errors.ts';
import type { Image } from '../../core/guest.ts';
import { imageTitle } from '../images.ts';
import { firstBytes } from './store-files.ts';

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
