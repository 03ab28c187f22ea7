import { UserError } from '../../core/errors.ts';
import { type DesiredGuest, type GuestKind, type Image, imageHash } from '../../core/guest.ts';
import { sizeText } from '../../lib/text.ts';
import type { Api } from './api.ts';
import { StorageStatus, VolumeInfo, Volumes } from './api.ts';
import { ProxmoxError } from './errors.ts';

/** An image in the image storage. `size` is the file's, in bytes. */
export interface UploadedImage {
  readonly volid: string;
  readonly size: number;
}

/** The content type of images of each kind: disks to import, and templates for a root file system. */
export const imageContent: Readonly<Record<GuestKind, string>> = { vm: 'import', container: 'vztmpl' };

/** The content type that the storage of a guest's root must allow. */
const rootContent = {
  vm: { content: 'images', holds: 'VM disks', called: 'Disk image' },
  container: { content: 'rootdir', holds: 'containers', called: 'Container' },
} as const;

/** The uploaded file of an image, whatever its format; the store hash is its name. */
export async function findImage(api: Api, node: string, image: Image): Promise<UploadedImage | undefined> {
  const path = `/nodes/${node}/storage/${api.imageStorage}/content`;
  const content = imageContent[image.kind];
  const volumes = await api.client.get(path, Volumes, { content });
  const name = `${api.imageStorage}:${content}/${imageName(imageHash(image), '')}`;
  return volumes.find((volume) => volume.volid.startsWith(name));
}

/** The file name of an image on the image storage: `proxnix-<hash>.qcow2`. */
export function imageName(hash: string, format: string): string {
  return `proxnix-${hash}.${format}`;
}

/**
 * Checks everything that a new root needs before it is made: the image is there, the disk image of a VM is not larger
 * than the wanted disk, and the target storage takes disks and has room.
 * @returns the volume to make the root from
 */
export async function checkImport(api: Api, node: string, guest: DesiredGuest): Promise<string> {
  const image = await findImage(api, node, guest.image);
  if (image === undefined) {
    throw new UserError(`The image of ${guest.name} is not on the storage ${api.imageStorage} of ${node}.`, {
      next: 'Somebody removed it after the upload, or the token lacks Datastore.Audit there: plan again.',
    });
  }
  const needed = guest.kind === 'vm' ? await volumeSize(api, node, image.volid) : guest.diskGb * 2 ** 30;
  checkFits(guest, needed);
  await checkTarget(api, node, guest, needed);
  return image.volid;
}

/** The size of a volume as a guest sees it, in bytes. */
export async function volumeSize(api: Api, node: string, volid: string): Promise<number> {
  const path = `/nodes/${node}/storage/${volid.split(':', 1)[0]}/content/${volid}`;
  return (await api.client.get(path, VolumeInfo)).size;
}

/** Proxmox cannot shrink a disk: an image larger than the disk wanted would stay as large as it is. */
export function checkFits(guest: DesiredGuest, bytes: number): void {
  if (bytes <= guest.diskGb * 2 ** 30) return;
  throw new UserError(
    `The root disk of ${guest.name} has ${sizeText(bytes)}, more than its disk_gb = ${guest.diskGb}.`,
    {
      next: `Proxmox cannot shrink disks: set disk_gb to ${Math.ceil(bytes / 2 ** 30)} or more.`,
    },
  );
}

/** Does the storage hold roots of such guests, and has it room for one of so many bytes? */
export async function checkTarget(
  api: Api,
  node: string,
  { storage, kind }: Pick<DesiredGuest, 'storage' | 'kind'>,
  bytes: number,
): Promise<void> {
  const status = await readStorage(api, node, storage);
  const { content, holds, called } = rootContent[kind];
  if (!status.content.split(',').includes(content)) {
    throw new UserError(
      `The storage ${storage} on ${node} does not hold ${holds} (its content is ${status.content}).`,
      {
        next: `Choose another \`storage_location\` or allow the content "${called}" on it.`,
      },
    );
  }
  if (status.avail !== undefined && status.avail < bytes) {
    throw new UserError(noRoom(storage, node, { free: status.avail, needed: bytes }), {
      next: 'Free space there or choose another `storage_location`.',
    });
  }
}

/** Sizes in bytes: `Storage "fast" on pve1 has 0 B free; 2.0 GiB needed.` */
export function noRoom(
  storage: string,
  node: string,
  { free, needed }: { readonly free: number; readonly needed: number },
): string {
  return `Storage "${storage}" on ${node} has ${sizeText(free)} free; ${sizeText(needed)} needed.`;
}

/** A storage that is there, enabled and mounted; everything else is an error that says which. */
export async function readStorage(api: Api, node: string, storage: string): Promise<StorageStatus> {
  try {
    const status = await api.client.get(`/nodes/${node}/storage/${storage}/status`, StorageStatus);
    if (status.enabled === 1 && status.active === 1) return status;
  } catch (error) {
    const missing = error instanceof ProxmoxError && (error.errors['storage'] !== undefined || error.status === 500);
    if (!missing) throw error;
    throw new UserError(
      `The storage ${storage} cannot be used on ${node}: ${error.errors['storage'] ?? error.reason}`,
      {
        next: '`pvesm status` on the node lists its storages.',
        cause: error,
      },
    );
  }
  throw new UserError(`The storage ${storage} is not active on ${node}.`, {
    next: '`pvesm status` on the node says why.',
  });
}
