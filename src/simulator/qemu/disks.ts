import { failure } from '../errors.ts';
import { addUnused, type Config, removeUnused, slotOf } from '../guest.ts';
import { printSize, progressLine } from '../sizes.ts';
import type { TaskHandle } from '../tasks.ts';
import { type Volume, volumePath } from '../volume.ts';
import type { World } from '../world.ts';
import { formatting, importDisk, makeVolume } from './copy.ts';

const GIB = 1024 ** 3;

/** Makes the volumes that drives of a create or update ask for; answers the drives as they are stored. */
export async function allocateDrives(
  world: World,
  vmid: number,
  drives: ReadonlyMap<string, string>,
  task: TaskHandle,
  made: string[] = [],
): Promise<Config> {
  const stored: Config = {};
  for (const [key, value] of [...drives].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    stored[key] = printDrive(await allocate(world, vmid, key, parseDrive(value), task, made));
  }
  return stored;
}

/** Removes volumes again, after a failure. */
export function freeVolumes(world: World, volids: readonly string[]): void {
  for (const volid of volids) world.storages.remove(volid);
}

/** The same without a task: a log nobody reads, and nobody to stop it. */
export function silently(): TaskHandle {
  return { upid: '', log: () => undefined, signal: new AbortController().signal };
}

async function allocate(
  world: World,
  vmid: number,
  key: string,
  drive: Drive,
  task: TaskHandle,
  made: string[],
): Promise<Drive> {
  const cloudinit = cloudinitStorageOf(drive.file);
  if (cloudinit !== undefined) return makeCloudinit(world, vmid, key, cloudinit, task, made);
  const target = newDiskOf(drive.file);
  if (target === undefined) return existing(world, drive);
  const source = drive.options.get('import-from');
  const options = new Map([...drive.options].filter(([name]) => !['import-from', 'format', 'size'].includes(name)));
  const format = drive.options.get('format');
  if (source !== undefined) {
    const volume = await importDisk(world, vmid, { key, storage: target.storage, source, format }, task, made);
    return done(key, volume, options, task);
  }
  const bytes = firmwareBytes(key, options) ?? Math.round(target.gib * GIB);
  const volid = world.storages.freeDisk(target.storage, vmid, format ?? 'raw');
  const volume = makeVolume(world, volid, world.storages.formatOn(target.storage, format ?? 'raw'), bytes, undefined);
  made.push(volid);
  task.log(formatting(world, volume));
  if (key === 'efidisk0') for (const at of [0, bytes, bytes]) task.log(progressLine(at, bytes));
  return done(key, volume, options, task);
}

/** The size of an EFI disk and of a TPM state, whatever size is asked for (9.2.11); undefined for every other drive. */
export function firmwareBytes(key: string, options: ReadonlyMap<string, string>): number | undefined {
  if (key === 'tpmstate0') return 4 * 1024 * 1024;
  return key === 'efidisk0' ? (options.get('efitype') === '4m' ? 528 : 128) * 1024 : undefined;
}

/** A drive whose volume is there already: the server reads its size anew. */
function existing(world: World, drive: Drive): Drive {
  if (drive.file === 'none' || drive.file === 'cdrom' || isCdrom(printDrive(drive))) return drive;
  const volume = world.storages.volume(drive.file);
  if (volume === undefined) throw failure(`volume ${drive.file} does not exist`);
  return {
    file: drive.file,
    options: new Map([...drive.options, ['size', printSize(volume.virtualSize ?? volume.size)]]),
  };
}

function done(key: string, volume: Volume, options: ReadonlyMap<string, string>, task: TaskHandle): Drive {
  const drive = { file: volume.volid, options: new Map([...options, ['size', printSize(volume.virtualSize ?? 0)]]) };
  task.log(`${key}: successfully created disk '${printDrive(drive)}'`);
  return drive;
}

function makeCloudinit(world: World, vmid: number, key: string, name: string, task: TaskHandle, made: string[]): Drive {
  const storage = world.storages.get(name);
  const volid = world.storages.freeDisk(name, vmid, 'qcow2').replace(/disk-\d+/, 'cloudinit');
  if (world.storages.volume(volid) !== undefined) {
    throw failure(`disk image '${volumePath(storage, volid)}' already exists`);
  }
  const volume = makeVolume(world, volid, world.storages.formatOn(name, 'qcow2'), 4 * 1024 * 1024, undefined);
  made.push(volid);
  task.log(formatting(world, volume));
  const drive = { file: volid, options: new Map([['media', 'cdrom']]) };
  task.log(`${key}: successfully created disk '${printDrive(drive)}'`);
  return drive;
}

/**
 * Lists a drive's volume as unused when its slot gets another one, also one that is not there any more. CDs and cloud-init
 * drives are not kept, nor is a volume that another slot has (9.2.11).
 */
export function retire(world: World, config: Config, value: string | number): void {
  const { file } = parseDrive(value);
  if (/cloudinit/.test(file)) world.storages.remove(file);
  else if (!isCdrom(value) && file !== 'none' && slotOf(config, file) === undefined) addUnused(config, file);
}

/** A volume that gets a slot is not unused any more. */
export function engage(config: Config, value: string | number): void {
  removeUnused(config, parseDrive(value).file);
}

/** A drive taken apart: its volume (or `none`) and the rest of its keys. */
export interface Drive {
  readonly file: string;
  readonly options: ReadonlyMap<string, string>;
}

/** Takes a drive's property string apart. Its form was checked before. */
export function parseDrive(value: string | number): Drive {
  const options = new Map<string, string>();
  let file = '';
  for (const part of String(value).split(',')) {
    const [key = '', ...rest] = part.split('=');
    if (rest.length === 0 || key === 'file' || key === 'volume') file = rest.length === 0 ? part : rest.join('=');
    else options.set(key, rest.join('='));
  }
  return { file, options };
}

/** Writes a drive as the server stores it: the volume, then the keys by name. */
export function printDrive(drive: Drive): string {
  const rest = [...drive.options].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`);
  return [drive.file, ...rest].join(',');
}

/** `STORAGE:GIB`, which allocates a new disk. */
export function newDiskOf(file: string): { readonly storage: string; readonly gib: number } | undefined {
  const [, storage, gib] = /^([^/:\s]+):(\d+(?:\.\d+)?)$/.exec(file) ?? [];
  return storage === undefined ? undefined : { storage, gib: Number(gib) };
}

/** `STORAGE:cloudinit` */
export function cloudinitStorageOf(file: string): string | undefined {
  return /^([^/:\s]+):cloudinit$/.exec(file)?.[1];
}

/** Whether a drive holds cloud-init data, new or already there. */
export function isCloudinit(value: string | number | undefined): boolean {
  return /^[^/:\s]+:(?:cloudinit|(?:\d+\/)?vm-\d+-cloudinit)/.test(parseDrive(value ?? '').file);
}

/** Whether a drive is a CD. */
export function isCdrom(value: string | number | undefined): boolean {
  return /(?:^|,)media=cdrom(?:,|$)/.test(String(value ?? '')) || String(value ?? '') === 'cdrom';
}
