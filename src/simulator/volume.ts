import type { Config } from './guest.ts';
import type { SeedStorage, SeedVolume } from './seed.ts';

/** A file or disk on a storage. */
export interface Volume extends SeedVolume {
  readonly storage: string;
  /** The guest whose number it carries. */
  readonly vmid: number | undefined;
  /** Seconds since 1970. */
  readonly ctime: number;
  /** The base volume of a linked clone. */
  readonly parent: string | undefined;
  /**
   * Stands for what is written to it, so that a test can prove that a disk is untouched. A new, an imported and an uploaded
   * volume get a mark that no other one has; a move, another name, another size, a clone and a backup keep it.
   */
  readonly mark: number;
  /** What is in a backup. */
  readonly backup?: Backup | undefined;
}

/** The content of a backup: a configuration, and the disks of it that were not left out. */
export interface Backup {
  readonly subtype: 'qemu' | 'lxc';
  readonly config: Config;
  readonly disks: Readonly<Record<string, Volume>>;
  readonly notes: string;
  readonly isProtected: boolean;
}

/** A volume that is put on a storage: without a mark it gets a new one. */
export type NewVolume = Omit<Volume, 'mark'> & { readonly mark?: number | undefined };

const BLOCK_TYPES = ['lvmthin', 'lvm', 'zfspool', 'zfs', 'rbd', 'iscsi', 'iscsidirect'];

/** Whether the storage holds plain disks (`local-lvm:vm-100-disk-0`) and no files. */
export function isBlock(storage: SeedStorage): boolean {
  return BLOCK_TYPES.includes(storage.type);
}

/** The bytes a volume takes: a disk on LVM its whole size, everything else what is written to it. */
export function takenBy(type: string, { content, size, virtualSize }: SeedVolume): number {
  return type === 'lvm' && content === 'images' ? (virtualSize ?? size) : size;
}

/** The volume name a guest's disk gets: with its folder and suffix where the storage holds files. */
export function diskName(storage: SeedStorage, vmid: number, name: string, format: string): string {
  return isBlock(storage) ? name : `${vmid}/${name}.${format}`;
}

/** Where a volume lies on the node. */
export function volumePath(storage: SeedStorage, volid: string): string {
  const name = volid.slice(volid.indexOf(':') + 1);
  if (name.startsWith('backup/')) return `${storage.path}/dump/${name.slice(7)}`;
  if (name.startsWith('import/')) return `${storage.path}/${name}`;
  if (name.startsWith('iso/')) return `${storage.path}/template/${name}`;
  if (name.startsWith('vztmpl/')) return `${storage.path}/template/cache/${name.slice(7)}`;
  if (isBlock(storage)) return `${storage.path}/${name}`;
  // A linked clone's name begins with its base: 9000/base-9000-disk-0.qcow2/120/vm-120-disk-0.qcow2
  return `${storage.path}/images/${name.split('/').slice(-2).join('/')}`;
}

/** `9000/base-9000-disk-0.qcow2` of a linked clone's volume, with the storage in front. */
export function parentOf(volid: string): string | undefined {
  const [storage = '', name = ''] = volid.split(':');
  const parts = name.split('/');
  return parts.length === 4 ? `${storage}:${parts.slice(0, 2).join('/')}` : undefined;
}

/** The guest number in a volume's name. */
export function vmidOf(volid: string): number | undefined {
  const [, vmid] = /(?:vm|base|subvol|vzdump-(?:qemu|lxc))-(\d+)-[^/]*$/.exec(volid) ?? [];
  return vmid === undefined ? undefined : Number(vmid);
}

/** A volume of the seed with the fields that the simulator adds. */
export function keepVolume(seed: SeedVolume & Pick<NewVolume, 'mark' | 'backup'>, now: number): NewVolume {
  return {
    ...seed,
    storage: seed.volid.split(':')[0] ?? '',
    vmid: vmidOf(seed.volid),
    ctime: Math.floor(now / 1000),
    parent: parentOf(seed.volid),
  };
}
