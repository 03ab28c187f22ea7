import { UserError } from '../../core/errors.ts';
import { type DesiredGuest, type GuestKind, type Image, imageHash } from '../../core/guest.ts';
import type { LiveDisk, StorageFacts } from '../../core/live.ts';
import { makeRoom, noRoom } from '../../core/room.ts';
import { sizeText } from '../../lib/text.ts';
import type { Api, StorageResource } from './api.ts';
import { StorageStatus, VolumeInfo, Volumes } from './api.ts';
import { noBackups, ProxmoxError } from './errors.ts';

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
  if (guest.kind === 'vm') checkFits(guest, await volumeSize(api, node, image.volid));
  // Zeros of a raw image are not written; what is in a qcow2 file or in a tarball is.
  const written = image.volid.endsWith('.raw') ? 0 : image.size;
  await checkTarget(api, node, guest, { whole: guest.diskGb * 2 ** 30, written });
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

/** Has the wanted storage room for the root disk? A copy leaves out zeros: on a thin storage only a full one has none. */
export async function checkMove(api: Api, node: string, guest: DesiredGuest, { sizeMb = 0 }: LiveDisk): Promise<void> {
  await checkTarget(api, node, guest, { whole: sizeMb * 2 ** 20, written: 0 });
}

/**
 * Does the storage hold roots of such guests, and has it room for one?
 * @param named the field of the flake that names the storage, where it is not that of the root
 * @param size of the disk as its guest sees it, and what is surely written to it at once; in bytes
 */
export async function checkTarget(
  api: Api,
  node: string,
  { storage, kind, named }: Pick<DesiredGuest, 'storage' | 'kind'> & { readonly named?: string },
  size: { readonly whole: number; readonly written: number },
): Promise<void> {
  const status = await readStorage(api, node, storage);
  const problem = contentProblem(kind, { storage, node, content: status.content });
  if (problem !== undefined) throw new UserError(problem.message, { next: problem.next });
  const needed = takesWholeSize(status.type) ? size.whole : Math.max(1, size.written);
  if (status.avail !== undefined && status.avail < needed) {
    const told = Math.max(needed, size.written === 0 ? size.whole : 0);
    throw new UserError(noRoom(storage, node, { free: status.avail, needed: told }), { next: makeRoom(named) });
  }
}

function contentProblem(
  kind: GuestKind,
  { storage, node, content }: { readonly storage: string; readonly node: string; readonly content: string },
): { readonly message: string; readonly next: string } | undefined {
  const words = content.split(',').sort();
  const { content: needed, holds, called } = rootContent[kind];
  if (words.includes(needed)) return undefined;
  return {
    message: `The storage ${storage} on ${node} does not hold ${holds} (its content is ${words.join(',')}).`,
    next: `Choose another \`storage_location\` or allow the content "${called}" on it.`,
  };
}

/**
 * A disk on LVM takes its whole size when it is made. Every other storage of Proxmox VE (8.4 and 9.2) lets it grow:
 * files are sparse or qcow2 (dir, nfs, cifs, glusterfs, btrfs), as are lvmthin, rbd and zfspool with `sparse`. Whether
 * zfspool is sparse is not in the lists, and what is unknown is not refused: without room there ZFS makes no volume, and
 * nothing is lost.
 */
function takesWholeSize(type: string): boolean {
  return type === 'lvm';
}

/** Storages of LUNs that exist: Proxmox VE can neither make nor delete a disk on them (ISCSIPlugin, ISCSIDirectPlugin). */
const ofLuns = new Set(['iscsi', 'iscsidirect']);

/** What decides in a plan whether a disk can be made on a storage, from the list of all storages. */
export function storageFactsOf(entry: StorageResource): StorageFacts {
  const { storage, node, plugintype: type, content, disk, maxdisk } = entry;
  const why = (kind: GuestKind) => {
    if (ofLuns.has(type)) {
      return `The storage ${storage} (${type}) has LUNs that exist, and Proxmox makes no disks there: choose another \`storage_location\`, such as LVM on one of its LUNs.`;
    }
    // The content is missing from the list where it is not known.
    const problem = content === '' ? undefined : contentProblem(kind, { storage, node, content });
    return problem && `${problem.message} ${problem.next}`;
  };
  const [vm, container] = [why('vm'), why('container')];
  const problems = { ...(vm === undefined ? {} : { vm }), ...(container === undefined ? {} : { container }) };
  return {
    ...(disk === undefined || maxdisk === undefined ? {} : roomOf(type, { size: maxdisk, free: maxdisk - disk })),
    ...(entry.shared === 1 ? { shared: true } : {}),
    ...(vm === undefined && container === undefined ? {} : { problems }),
    ...(type === 'zfs' ? { noSwap: noRename(storage) } : {}),
    ...(content === '' || content.split(',').includes('backup')
      ? {}
      : { noBackup: `The storage ${storage} on ${node} takes no backups. ${noBackups(storage)}` }),
  };
}

function roomOf(type: string, room: { readonly size: number; readonly free: number }): StorageFacts {
  if (ofLuns.has(type)) return {};
  return takesWholeSize(type) ? { free: room.free } : { thin: room };
}

/** ZFS over iSCSI is the one storage with disks of its own that lacks the feature `rename` (ZFSPlugin.pm, 8.4 and 9.2). */
function noRename(storage: string): string {
  return `Proxmox cannot give a disk on ${storage} (ZFS over iSCSI) to another guest, which a new root disk needs: choose another \`storage_location\`.`;
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
