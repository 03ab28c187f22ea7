import { UserError } from '../../core/errors.ts';
import { type DesiredGuest, imageHash } from '../../core/guest.ts';
import type { Api } from './api.ts';
import { ProxmoxError } from './errors.ts';
import { StorageStatus, VolumeInfo, Volumes } from './schema.ts';
import { sizeText } from './size.ts';

/** An image in the image storage. `size` is the file's, in bytes. */
export interface UploadedImage {
  readonly volid: string;
  readonly size: number;
}

/** The uploaded file of an image, whatever its format; the store hash is its name. */
export async function findImage(api: Api, node: string, hash: string): Promise<UploadedImage | undefined> {
  const path = `/nodes/${node}/storage/${api.imageStorage}/content`;
  const volumes = await api.client.get(path, Volumes, { content: 'import' });
  const names = ['qcow2', 'raw'].map((format) => `${api.imageStorage}:import/${imageName(hash, format)}`);
  return volumes.find((volume) => names.includes(volume.volid));
}

export function imageName(hash: string, format: string): string {
  return `proxnix-${hash}.${format}`;
}

/**
 * Everything that an import needs, looked at before it begins: the image is there, is not larger than the disk wanted,
 * and the target storage takes disks and has room. @returns the volume to import from
 */
export async function checkImport(api: Api, node: string, guest: DesiredGuest): Promise<string> {
  const image = await findImage(api, node, imageHash(guest.image));
  if (image === undefined) {
    throw new UserError(`The image of ${guest.name} is not on the storage ${api.imageStorage} of ${node}.`, {
      next: 'Somebody removed it after the upload, or the token lacks Datastore.Audit there: plan again.',
    });
  }
  const path = `/nodes/${node}/storage/${api.imageStorage}/content/${image.volid}`;
  const { size: virtualSize } = await api.client.get(path, VolumeInfo);
  checkFits(guest, virtualSize);
  await checkTarget(api, node, guest.storage, virtualSize);
  return image.volid;
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

/** Does the storage hold VM disks, and has it room for one of so many bytes? */
export async function checkTarget(api: Api, node: string, storage: string, bytes: number): Promise<void> {
  const status = await readStorage(api, node, storage);
  if (!status.content.split(',').includes('images')) {
    throw new UserError(
      `The storage ${storage} on ${node} does not hold VM disks (its content is ${status.content}).`,
      {
        next: 'Choose another `storage_location` or allow the content "Disk image" on it.',
      },
    );
  }
  if (status.avail !== undefined && status.avail < bytes) {
    const facts = `${sizeText(status.avail)} are free, the disk needs ${sizeText(bytes)}`;
    throw new UserError(`The storage ${storage} on ${node} is too full: ${facts}.`, {
      next: 'Free space there or choose another `storage_location`.',
    });
  }
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
