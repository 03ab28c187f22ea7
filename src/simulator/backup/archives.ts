import { type Call, demandRight, may, text } from '../call.ts';
import { failure } from '../errors.ts';
import { type Config, section } from '../guest.ts';
import { type Backup, type Volume, vmidOf } from '../volume.ts';
import type { World } from '../world.ts';

/** Whether the caller sees a backup: with VM.Backup on the guest of it, or with the storage in its hands. */
export function seesBackup(call: Call, volid: string): boolean {
  return (
    may(call, `/vms/${vmidOf(volid)}`, { all: ['VM.Backup'] }) ||
    may(call, `/storage/${volid.split(':')[0]}`, { all: ['Datastore.Allocate'] })
  );
}

/** Throws the 403 of a backup that the caller may not touch, whether it is there or not: the name tells the guest. */
export function demandBackup(call: Call, volid: string): void {
  if (!seesBackup(call, volid)) demandRight(call, `/vms/${vmidOf(volid)}`, { all: ['VM.Backup'] });
}

/** Whether a volume id is that of a backup. */
export function isBackup(volid: string): boolean {
  return /^[^:]+:backup\/vzdump-/.test(volid);
}

/** A backup that a restore or a look at it names. Throws where it is not there, or not the caller's. */
export function backupOf(call: Call, volid: string): { readonly volume: Volume; readonly backup: Backup } {
  if (isBackup(volid)) demandBackup(call, volid);
  const volume = call.world.storages.volume(volid);
  if (volume?.backup === undefined) throw failure(`volume '${volid}' does not exist`);
  return { volume, backup: volume.backup };
}

/** What lists and answers say of a backup beside the fields of every volume. */
export function describeBackup({ notes, isProtected, subtype }: Backup): Record<string, unknown> {
  return { subtype, ...(notes === '' ? {} : { notes }), ...(isProtected ? { protected: 1 } : {}) };
}

/** `PUT .../content/{volume}`: the notes of a backup, and whether it is protected. */
export function changeBackup(call: Call, volid: string): null {
  const { volume, backup } = backupOf(call, volid);
  const { notes = backup.notes, protected: wanted } = Object.fromEntries(call.given);
  const isProtected = wanted === undefined ? backup.isProtected : wanted === '1';
  call.world.storages.put({ ...volume, backup: { ...backup, notes, isProtected } });
  return null;
}

/** `GET vzdump/extractconfig`: the configuration in a backup as text, and where each disk of it came from. */
export function extractConfig(call: Call): string {
  const { backup } = backupOf(call, text(call, 'volume'));
  const disks = backup.subtype === 'qemu' ? Object.entries(backup.disks) : [];
  const lines = disks.map(([key, { storage, format }]) => `#qmdump#map:${key}:drive-${key}:${storage}:${format}:\n`);
  return `${section(backup.config)}${lines.join('')}`;
}

/** The configuration that a restore begins with: without what is of that guest and moment alone. */
export function restoredConfig(backup: Backup): Config {
  const kept = Object.entries(backup.config).filter(([key]) => !/^(?:lock|parent|template|unused\d+)$/.test(key));
  return Object.fromEntries(kept);
}

/** A disk of a backup as a new volume of a guest: what was written to it, and what it makes the guest do. */
export function restoredVolume(world: World, disk: Volume, vmid: number, storage: string): Volume {
  const { boots = false, agent = false, hotUnplug = false, virtualSize = 0, size, mark } = disk;
  const format = world.storages.formatOn(storage, disk.format);
  const volid = world.storages.freeDisk(storage, vmid, format);
  world.storages.demandDisk(storage, virtualSize);
  const now = Math.floor(world.clock.now() / 1000);
  const made = { volid, content: 'images', format, size, virtualSize, boots, agent, hotUnplug, mark, storage, vmid };
  return world.storages.put({ ...made, ctime: now, parent: undefined });
}
