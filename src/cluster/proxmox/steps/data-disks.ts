import { withRootFirst } from '../../../core/boot-order.ts';
import {
  dataDisksOf,
  differingOptions,
  liveDiskAt,
  type NamedDisk,
  pendingAdvice,
} from '../../../core/data-disk-changes.ts';
import { UserError } from '../../../core/errors.ts';
import { type DesiredGuest, guestLabel } from '../../../core/guest.ts';
import type { LiveDisk } from '../../../core/live.ts';
import type { Precondition } from '../../cluster.ts';
import type { Api } from '../api.ts';
import type { Changes } from '../codec.ts';
import {
  bootOrder,
  checkGuest,
  type Doing,
  disksIn,
  type GuestConfig,
  nextPrecondition,
  readConfig,
} from '../config.ts';
import { withOptions, writeOptions } from '../disk-options.ts';
import { isOwnVolume, unusedKeyOf } from '../markers.ts';
import { driveOptions, type Property, readDrive, writeProperty, writeSize } from '../property.ts';
import { checkTarget, volumeSize } from '../storage.ts';
import { putConfig } from '../writes.ts';
import { growVolume, moveVolume } from './root-disk.ts';

type Work = Doing<'data-disks'>;

/**
 * Brings the data disks to what is wanted, one write after the other, each on what the one before left: a step that is
 * asked for again goes on where it was.
 */
export async function dataDisks(doing: Work): Promise<Precondition> {
  let { precondition } = doing;
  for (const at of doing.step.detach) precondition = await takeOut({ ...doing, precondition }, at);
  precondition = await setRootOptions({ ...doing, precondition });
  for (const disk of dataDisksOf(doing.step.guest)) {
    for (const work of [takeBack, make, move, grow, setOptions]) {
      precondition = await work({ ...doing, precondition }, disk);
    }
  }
  return precondition;
}

/** Takes a disk out of its place; Proxmox lists it as unused under the lowest free key. */
async function takeOut(doing: Work, at: string): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  const { guest } = step;
  const config = await checkGuest(api, step, precondition);
  const there = liveDiskAt(step.guestKind, disksIn(config, config.values), at);
  const isWanted = dataDisksOf(guest).some((disk) => disk.at === at);
  if (there === undefined || there.slot === guest.diskSlot || isWanted) return precondition;
  const changes = { [there.slot]: undefined, ...bootWithout(config, there.slot, guest) };
  const next = await write(doing, config, changes);
  if ((await readConfig(api, step))?.current[there.slot] !== undefined) {
    monitor.line(`${at} stays with the running guest until its restart: it was not let go`);
  }
  return next;
}

/** A device that a running VM boots from stays in its current order until the restart (PVE 9.2). */
function bootWithout({ values }: GuestConfig, slot: string, guest: DesiredGuest): Changes {
  const boot = bootOrder(values['boot']);
  if (!boot.includes(slot)) return {};
  const rest = boot.filter((device) => device !== slot);
  return { boot: `order=${withRootFirst(guest.diskSlot, rest).join(';')}` };
}

/** Keeps a disk that somebody took out of its place and that the running guest has not let go yet. */
async function takeBack(doing: Work, { at }: NamedDisk): Promise<Precondition> {
  const { api, step, precondition } = doing;
  const config = await checkGuest(api, step, precondition);
  if (liveDiskAt(step.guestKind, disksIn(config, config.values), at) !== undefined) return precondition;
  const there = liveDiskAt(step.guestKind, disksIn(config, config.current), at);
  return there === undefined ? precondition : write(doing, config, revertOf(config, there.slot));
}

/** Takes back that a disk leaves its slot, and with it the boot order that Proxmox stored beside. */
function revertOf({ values, current, pending }: GuestConfig, slot: string): Changes {
  const has = (one: typeof values) => bootOrder(one['boot']).includes(slot);
  const boot = pending.includes('boot') && has(current) && !has(values);
  return { revert: boot ? `${slot},boot` : slot };
}

/**
 * Makes a disk whose place is empty, in what is and in what waits: `STORAGE:SIZE` in a slot that is in use makes another,
 * empty disk there, at once where the running guest helps (PVE 9.2). The digest that goes along refuses a second one.
 */
async function make(doing: Work, disk: NamedDisk): Promise<Precondition> {
  const { api, step, precondition } = doing;
  const config = await checkGuest(api, step, precondition);
  const isThere = [config.values, config.current].some(
    (one) => liveDiskAt(step.guestKind, disksIn(config, one), disk.at) !== undefined,
  );
  if (isThere) return precondition;
  const slot = step.guestKind === 'vm' ? disk.at : freeMount(config);
  if (slot === undefined) throw new UserError(`${guestLabel(step)} has too many mounts.`);
  if (config.values[slot] !== undefined || config.current[slot] !== undefined) {
    throw new UserError(`${slot} of ${guestLabel(step)} holds something else: ${disk.name} was not made.`, {
      next: 'Look at its hardware in Proxmox, or give the disk another slot.',
    });
  }
  const kept = Object.hasOwn(step.attach, disk.at) ? step.attach[disk.at] : undefined;
  if (kept === undefined) await checkRoom(api, doing, disk, disk.sizeGb * 2 ** 30);
  else checkKept(doing, config, kept);
  const size = kept === undefined ? [] : await sizeOf(doing, kept);
  const path: [string, string][] = step.guestKind === 'container' ? [['mp', disk.at]] : [];
  const file: [string, string] = ['file', kept ?? `${disk.storage}:${disk.sizeGb}`];
  return write(doing, config, {
    [slot]: writeProperty(new Map([file, ...size, ...path, ...writeOptions(disk)]), 'file'),
  });
}

/** The volume of a disk that comes back. Proxmox takes any volume for a container's, and deletes it with the container. */
function checkKept({ step }: Work, config: GuestConfig, volid: string): void {
  if (isOwnVolume(step.vmid, volid) && unusedKeyOf(config.values, volid) !== undefined) return;
  throw new UserError(`The disk ${volid} is not with ${guestLabel(step)} any more.`, {
    next: 'Look at the fresh plan.',
  });
}

/** Of a mount point Proxmox keeps the size that it is told. */
async function sizeOf({ api, step }: Work, volid: string): Promise<readonly [string, string][]> {
  if (step.guestKind === 'vm') return [];
  const bytes = await volumeSize(api, step.node, volid);
  return bytes > 0 ? [['size', writeSize(bytes)]] : [];
}

/** PVE 8.4 and 9.2 know mp0 to mp255. */
function freeMount({ values, current }: GuestConfig): string | undefined {
  const slots = Array.from({ length: 256 }, (_, index) => `mp${index}`);
  return slots.find((slot) => values[slot] === undefined && current[slot] === undefined);
}

async function move(doing: Work, disk: NamedDisk): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  const { config, slot, live } = await find(doing, disk);
  if (live.storage === disk.storage) return precondition;
  // A plan blocks this change, so the step is never planned.
  if (step.guestKind === 'container') throw new UserError(`${disk.name} of ${guestLabel(step)} is not moved.`);
  if (config.pending.includes(slot)) throw new UserError(pendingAdvice(guestLabel(step), slot));
  await checkRoom(api, doing, disk, (live.sizeMb ?? 0) * 2 ** 20);
  await moveVolume(api, step, { slot, storage: disk.storage, config }, monitor);
  return nextPrecondition(api, step, precondition);
}

async function grow(doing: Work, disk: NamedDisk): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  const { config, slot, live } = await find(doing, disk);
  const { sizeGb, name } = disk;
  if (live.sizeMb === undefined || live.sizeMb === sizeGb * 1024) return precondition;
  if (live.sizeMb > sizeGb * 1024) {
    throw new UserError(`${name} of ${guestLabel(step)} has more than its size_gb = ${sizeGb}.`, {
      next: `Proxmox cannot shrink disks: set size_gb to ${Math.ceil(live.sizeMb / 1024)} or more.`,
    });
  }
  await growVolume(api, step, { slot, sizeGb, config }, monitor);
  return nextPrecondition(api, step, precondition);
}

/** A drive is written as a whole: its volume and every other option go along. */
async function setOptions(doing: Work, disk: NamedDisk): Promise<Precondition> {
  const { step, precondition } = doing;
  const { config, slot, live } = await find(doing, disk);
  if (differingOptions(step.guestKind, disk, live).length === 0) return precondition;
  const drive = withOptions(rewritten(config, slot), disk);
  return write(doing, config, { [slot]: writeProperty(drive, 'file') });
}

async function setRootOptions(doing: Work): Promise<Precondition> {
  const { api, step, precondition } = doing;
  const { guest } = step;
  if (guest.kind !== 'vm' || guest.rootOptions === undefined) return precondition;
  const config = await checkGuest(api, step, precondition);
  const root = disksIn(config, config.values)[guest.diskSlot];
  if (root === undefined || differingOptions('vm', guest.rootOptions, root).length === 0) return precondition;
  const drive = withOptions(rewritten(config, guest.diskSlot), guest.rootOptions);
  return write(doing, config, { [guest.diskSlot]: writeProperty(drive, 'file') });
}

/** Of a VM's drive Proxmox reads the size from the volume; of a mount point it keeps what it is told. */
function rewritten({ guestKind, values }: GuestConfig, slot: string): Property {
  const drive = readDrive(values[slot] ?? '');
  const size = guestKind === 'container' ? drive.get('size') : undefined;
  const sized: [string, string][] = size === undefined ? [] : [['size', size]];
  return new Map([['file', drive.get('file') ?? ''], ...sized, ...driveOptions(drive)]);
}

async function find(
  { api, step, precondition }: Work,
  { name, at }: NamedDisk,
): Promise<{ readonly config: GuestConfig; readonly slot: string; readonly live: LiveDisk }> {
  const config = await checkGuest(api, step, precondition);
  const there = liveDiskAt(step.guestKind, disksIn(config, config.values), at);
  if (there === undefined) {
    throw new UserError(`${name} of ${guestLabel(step)} is gone from ${at}.`, { next: 'Look at the fresh plan.' });
  }
  return { config, slot: there.slot, live: there.disk };
}

async function checkRoom(api: Api, { step }: Work, { storage, name }: NamedDisk, bytes: number): Promise<void> {
  const named = `storage\` of \`${step.guestKind === 'vm' ? 'disks' : 'mounts'}.${name}`;
  await checkTarget(api, step.node, { storage, kind: step.guestKind, named }, { whole: bytes, written: 0 });
}

async function write(
  { api, step, precondition }: Pick<Doing<'data-disks' | 'restore-disks'>, 'api' | 'step' | 'precondition'>,
  config: GuestConfig,
  changes: Changes,
): Promise<Precondition> {
  await putConfig(api, step, changes, config.digest);
  return nextPrecondition(api, step, precondition);
}

/** Puts data disks back as they were before a change that is rolled back. */
export async function restoreDisks(doing: Doing<'restore-disks'>): Promise<Precondition> {
  let { precondition } = doing;
  for (const [slot, disk] of Object.entries(doing.step.disks)) {
    precondition = await restore({ ...doing, precondition }, slot, disk);
  }
  return precondition;
}

async function restore(doing: Doing<'restore-disks'>, slot: string, disk: LiveDisk): Promise<Precondition> {
  const { api, step, precondition } = doing;
  const config = await checkGuest(api, step, precondition);
  const [now, current] = [config.values, config.current].map((one) => readDrive(one[slot] ?? '').get('file'));
  if (now === undefined && current === disk.volid) return write(doing, config, revertOf(config, slot));
  // Another volume is there now, such as the one of a move: it stays.
  if (now !== undefined && now !== disk.volid) return precondition;
  if (now === undefined && unusedKeyOf(config.values, disk.volid) === undefined) return precondition;
  if (!isOwnVolume(step.vmid, disk.volid)) return precondition;
  const before = restored(disk);
  const after = readDrive(config.values[slot] ?? '');
  const options = [...after.keys()].filter((name) => name !== 'size');
  const isSame = before.size === options.length && [...before].every(([name, text]) => after.get(name) === text);
  if (isSame) return precondition;
  const size: [string, string][] =
    step.guestKind === 'container' && disk.sizeMb !== undefined ? [['size', writeSize(disk.sizeMb * 2 ** 20)]] : [];
  return write(doing, config, { [slot]: writeProperty(new Map([...before, ...size]), 'file') });
}

/** The drive as it was, without its size. */
function restored({ volid, path, options = {}, others = '' }: LiveDisk): Property {
  const mount: [string, string][] = path === undefined ? [] : [['mp', path]];
  return new Map([['file', volid], ...mount, ...writeOptions(options), ...readDrive(others)]);
}
