import type { LiveVmConfig } from '../../core/live.ts';
import type { GuestConfig, Values } from './config.ts';
import { readDrive, toDisk } from './disk.ts';
import { type Property, readProperty } from './property.ts';

/** What an absent key means is Proxmox's default (PVE 8.4 and 9.2, qm.conf). */
export function toVmConfig({ digest, values, pending }: GuestConfig): LiveVmConfig {
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

/** The SMBIOS UUID: another one is another machine. */
export function uuidOf(values: Values): string | undefined {
  return readProperty(values['smbios1'] ?? '', 'uuid').get('uuid');
}

/** `fast:100/vm-100-cloudinit.qcow2`, `lvm:vm-100-cloudinit`. */
export function isCloudInit(drive: Property): boolean {
  return /^[^:]*:(?:.*[/-])?cloudinit(?:\.\w+)?$/.test(drive.get('file') ?? '');
}

function drivesOf(values: Values): [string, Property][] {
  const slots = Object.entries(values).filter(([key]) => /^(?:ide|sata|scsi|virtio)\d+$/.test(key));
  return slots.map(([slot, text]) => [slot, readDrive(text)]);
}

function isDisk(drive: Property): boolean {
  return drive.get('media') !== 'cdrom' && !isCloudInit(drive) && (drive.get('file') ?? 'none') !== 'none';
}

function bootOrder(text = ''): string[] {
  const order = readProperty(text, 'legacy').get('order');
  return order === undefined ? [] : order.split(';').filter((slot) => slot !== '');
}
