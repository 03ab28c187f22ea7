import type { LiveDisk } from '../../core/live.ts';

/** A Proxmox property string by sub-key, in its order: `virtio=BC:..,bridge=vmbr0`, `fast:100/vm-100-disk-0.qcow2,size=2G`. */
export type Property = ReadonlyMap<string, string>;

/** A guest's configuration, or a part of it, as text by key. */
export type Values = Readonly<Record<string, string>>;

/** Splits a property string; a leading part without a name (`fast:100/..`) is stored under `defaultKey`. */
export function readProperty(text: string, defaultKey: string): Property {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return new Map(
    parts.map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [defaultKey, part] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

/** Joins sub-keys; the value of `defaultKey` is written without its name, which every PVE version accepts. */
export function writeProperty(property: Property, defaultKey: string): string {
  return [...property].map(([key, value]) => (key === defaultKey ? value : `${key}=${value}`)).join(',');
}

/** Does a stored property string hold what was sent? The server sorts sub-keys and adds its own (`size`, a MAC address). */
export function holds(stored: string, sent: string): boolean {
  const there = readProperty(stored, 'file');
  return [...readProperty(sent, 'file')].every(([key, value]) => there.get(key) === value);
}

/** Does a drive ask for a new disk: `fast:10`? */
export function isNewDisk(drive: string): boolean {
  return /^[^,:/\s=]+:\d+(?:\.\d+)?(?:,|$)/.test(drive);
}

/** Is a stored drive the new disk that was asked for: on that storage, with those options and, where it counts, that size? */
export function isMadeFrom(stored: string, sent: string, { sized }: { readonly sized: boolean }): boolean {
  const [there, asked] = [readDrive(stored), readDrive(sent)];
  const [storage, gib] = (asked.get('file') ?? '').split(':');
  const options = [...asked].every(([key, value]) => key === 'file' || there.get(key) === value);
  if (!options || isNewDisk(stored) || !there.get('file')?.startsWith(`${storage}:`)) return false;
  return !sized || readSize(there.get('size') ?? '') === Math.round(Number(gib) * units.G);
}

/** The options of a drive or a mount point, its volume under `file`. */
export function readDrive(text: string): Property {
  const drive = readProperty(text, 'file');
  const volume = drive.get('volume');
  return volume === undefined
    ? drive
    : new Map([['file', volume], ...[...drive].filter(([name]) => name !== 'volume')]);
}

/** A drive or a mount point as the core knows it; its size in MiB where Proxmox tells one. */
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

const mib = 2 ** 20;
const units: Readonly<Record<string, number>> & { readonly G: number } = {
  '': 1,
  K: 2 ** 10,
  M: mib,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** A size as Proxmox writes it in a drive (`64M`, `528K`, `1G`, bytes without a unit) in bytes. */
export function readSize(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text);
  const factor = units[found?.[2] ?? ''];
  return found === null || factor === undefined ? undefined : Math.round(Number(found[1]) * factor);
}

/** Bytes as Proxmox writes them itself: in the largest unit that divides them. */
export function writeSize(bytes: number): string {
  const unit = ['T', 'G', 'M', 'K'].find((name) => bytes % (units[name] ?? 1) === 0) ?? '';
  return `${bytes / (units[unit] ?? 1)}${unit}`;
}

/** MiB, rounded up: an image of 4.3 GiB does not fit into 4 GiB. */
export function toMib(bytes: number): number {
  return Math.ceil(bytes / mib);
}
