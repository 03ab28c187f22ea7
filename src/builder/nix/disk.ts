import { UserError } from '../../core/errors.ts';
import type { Image } from '../../core/guest.ts';
import { qcow2HeaderBytes, readQcow2Header } from '../../core/qcow2.ts';
import { imageTitle } from '../images.ts';
import { firstBytes } from './store-files.ts';

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
