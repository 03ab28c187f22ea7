import type { LiveDisk } from '../../core/live.ts';
import { type Property, readProperty } from './property.ts';
import { readSize, toMib } from './size.ts';

/** The options of a drive or a mount point, its volume under `file`. */
export function readDrive(text: string): Property {
  const drive = readProperty(text, 'file');
  const volume = drive.get('volume');
  return volume === undefined
    ? drive
    : new Map([['file', volume], ...[...drive].filter(([name]) => name !== 'volume')]);
}

export function toDisk(drive: Property): LiveDisk {
  const volid = drive.get('file') ?? '';
  const bytes = readSize(drive.get('size') ?? '');
  return { volid, storage: volid.split(':')[0] ?? '', ...(bytes === undefined ? {} : { sizeMb: toMib(bytes) }) };
}

/** A cloud-init drive is no disk: `fast:100/vm-100-cloudinit.qcow2`, `lvm:vm-100-cloudinit`. */
export function isCloudInit(drive: Property): boolean {
  return /^[^:]*:(?:.*[/-])?cloudinit(?:\.\w+)?$/.test(drive.get('file') ?? '');
}

/** Proxmox finds these out by itself; the rest of a drive's options vanish unless they are sent again. */
const notOptions = new Set(['file', 'size', 'format', 'import-from']);

/** The options that stay with a slot, whichever disk is in it. */
export function driveOptions(drive: Property): readonly (readonly [string, string])[] {
  return [...drive].filter(([name]) => !notOptions.has(name));
}
