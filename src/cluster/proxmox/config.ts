import type { GuestAt } from '../../core/guest.ts';
import type { LiveDisk, LiveVmConfig } from '../../core/live.ts';
import { splitTags } from '../../core/tags.ts';
import { type Api, guestPath } from './api.ts';
import { isMissing, ProxmoxError } from './errors.ts';
import { type Property, readProperty } from './property.ts';
import { Pending, type PendingEntry } from './schema.ts';
import { readSize, toMib } from './size.ts';
import { isFree } from './vmid.ts';

/** A VM's configuration as text by key. */
export interface GuestConfig {
  readonly digest: string;
  /** With pending changes applied: what it will be after a stop and start. */
  readonly values: Readonly<Record<string, string>>;
  /** Keys with a value that waits for a stop and start. */
  readonly pending: readonly string[];
}

/** Values, pending values and digest in one call. `undefined`: no such VM on this node. */
export async function readConfig(api: Api, at: GuestAt): Promise<GuestConfig | undefined> {
  try {
    return toConfig(await api.client.get(`${guestPath(at)}/pending`, Pending));
  } catch (error) {
    if (isMissing(error)) return undefined;
    // With rights on a pool only, a guest that is not there is refused like one that may not be seen.
    const hidden = error instanceof ProxmoxError && error.status === 403;
    if (hidden && (await isFree(api, at.vmid))) return undefined;
    throw error;
  }
}

export function toConfig(entries: readonly PendingEntry[]): GuestConfig {
  const values = entries.flatMap(({ key, value, pending, delete: gone }) => {
    const text = pending ?? value;
    return key === 'digest' || gone !== undefined || text === undefined ? [] : [[key, text] as const];
  });
  const waiting = entries.filter((entry) => entry.pending !== undefined || entry.delete !== undefined);
  return {
    digest: entries.find((entry) => entry.key === 'digest')?.value ?? '',
    values: Object.fromEntries(values),
    pending: waiting.map((entry) => entry.key).sort(),
  };
}

/** What an absent key means is Proxmox's default (PVE 8.4 and 9.2, qm.conf). */
export function toLiveConfig({ digest, values, pending }: GuestConfig): LiveVmConfig {
  const drives = drivesOf(values);
  const cloudInit = drives.find(([, drive]) => isCloudInit(drive));
  const uuid = uuidOf(values);
  const bridge = readProperty(values['net0'] ?? '', 'model').get('bridge');
  return {
    digest,
    ...(uuid === undefined ? {} : { uuid }),
    cores: Number(values['cores'] ?? 1),
    sockets: Number(values['sockets'] ?? 1),
    memoryMb: Number(readProperty(values['memory'] ?? '512', 'current').get('current') ?? 512),
    onboot: values['onboot'] === '1',
    protected: values['protection'] === '1',
    description: values['description'] ?? '',
    scsiHw: values['scsihw'] ?? 'lsi',
    ...(bridge === undefined ? {} : { bridge }),
    disks: Object.fromEntries(
      drives.filter(([, drive]) => isDisk(drive)).map(([slot, drive]) => [slot, toDisk(drive)]),
    ),
    unused: Object.fromEntries(Object.entries(values).filter(([key]) => /^unused\d+$/.test(key))),
    ...(cloudInit === undefined ? {} : { cloudInit: { slot: cloudInit[0], storage: toDisk(cloudInit[1]).storage } }),
    boot: bootOrder(values['boot']),
    pending,
  };
}

/** Normalised: lower case, sorted, without doubles. */
export function tagsOf({ values }: GuestConfig): string[] {
  return splitTags(values['tags'] ?? '');
}

/** The SMBIOS UUID: another one is another machine. */
export function uuidOf(values: GuestConfig['values']): string | undefined {
  return readProperty(values['smbios1'] ?? '', 'uuid').get('uuid');
}

/** The options of a drive, its volume under `file`. */
export function readDrive(text: string): Property {
  return readProperty(text, 'file');
}

function drivesOf(values: GuestConfig['values']): [string, Property][] {
  const slots = Object.entries(values).filter(([key]) => /^(?:ide|sata|scsi|virtio)\d+$/.test(key));
  return slots.map(([slot, text]) => [slot, readDrive(text)]);
}

/** `fast:100/vm-100-cloudinit.qcow2`, `lvm:vm-100-cloudinit`. */
export function isCloudInit(drive: Property): boolean {
  return /:(?:.*[/-])?cloudinit(?:\.\w+)?$/.test(drive.get('file') ?? '');
}

function isDisk(drive: Property): boolean {
  return drive.get('media') !== 'cdrom' && !isCloudInit(drive) && (drive.get('file') ?? 'none') !== 'none';
}

function toDisk(drive: Property): LiveDisk {
  const volid = drive.get('file') ?? '';
  const bytes = readSize(drive.get('size') ?? '');
  return { volid, storage: volid.split(':')[0] ?? '', ...(bytes === undefined ? {} : { sizeMb: toMib(bytes) }) };
}

function bootOrder(text = ''): string[] {
  const order = readProperty(text, 'legacy').get('order');
  return order === undefined ? [] : order.split(';').filter((slot) => slot !== '');
}
