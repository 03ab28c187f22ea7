import { type Config, type Guest, isUnusedKey, volidOf } from '../guest.ts';
import { bootDisk, bootOrder, bootVolume, isAgentEnabled } from '../guest-status.ts';
import type { World } from '../world.ts';
import { engage, isCdrom, isCloudinit, retire } from './disks.ts';
import { appliesAtOnce, isDriveKey } from './options.ts';

/** Applies everything that is pending: what a stop, or a change of a stopped VM, does. */
export function applyPending(world: World, guest: Guest): void {
  for (const key of guest.pendingDelete.splice(0)) applyDelete(world, guest, key);
  for (const key of Object.keys(guest.pending)) applyChange(world, guest, key);
}

/** Makes one pending value the configured one; a disk that loses its slot is kept as unused. */
export function applyChange(world: World, guest: Guest, key: string): void {
  const value = guest.pending[key];
  if (value === undefined) return;
  delete guest.pending[key];
  const before = guest.config[key];
  guest.config[key] = value;
  if (!isDriveKey(key)) return;
  engage(guest.config, value);
  if (before !== undefined && volidOf(before) !== volidOf(value)) retire(world, guest.config, before);
}

/** Removes one key for good. A disk leaves the boot order and is kept as unused. */
export function applyDelete(world: World, guest: Guest, key: string): void {
  const before = guest.config[key];
  delete guest.config[key];
  guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  if (before === undefined || !isDriveKey(key)) return;
  if (!isUnusedKey(key)) removeFromBoot(guest.config, key);
  retire(world, guest.config, before);
}

/** Takes a device out of `boot: order=`; an order without devices is stored as one space. */
export function removeFromBoot(config: Config, key: string): void {
  const order = bootOrder(config);
  if (!order.includes(key)) return;
  const rest = order.filter((one) => one !== key);
  config['boot'] = rest.length === 0 ? ' ' : `order=${rest.join(';')}`;
}

/** Drops pending values that are the configured ones already. */
export function tidyPending(guest: Guest): void {
  for (const [key, value] of Object.entries(guest.pending)) if (guest.config[key] === value) delete guest.pending[key];
  guest.pendingDelete = guest.pendingDelete.filter((key) => guest.config[key] !== undefined);
}

/**
 * Brings pending changes into a running VM as far as it goes; answers a text per key that could not be plugged,
 * which stays pending. Waits as long as the real server does for a guest that does not let go of a device.
 */
export async function hotplug(world: World, guest: Guest): Promise<Record<string, string>> {
  const errors: Record<string, string> = {};
  for (const key of [...guest.pendingDelete]) {
    const problem = await unplug(world, guest, key);
    if (problem === undefined) applyDelete(world, guest, key);
    else if (problem !== WAITS) errors[key] = `hotplug problem - ${problem}\n`;
  }
  for (const [key, value] of Object.entries(guest.pending)) {
    const wasRoot = bootDisk(guest.config) === key && volidOf(guest.config[key]) !== volidOf(value);
    const problem = await plug(world, guest, key, value);
    if (problem === undefined) {
      applyChange(world, guest, key);
      if (wasRoot) guest.rootless = true;
    } else if (problem !== WAITS) errors[key] = `hotplug problem - ${problem}\n`;
  }
  return errors;
}

/** No error: the change waits for a stop. */
const WAITS = 'waits';

async function plug(world: World, guest: Guest, key: string, value: string | number): Promise<string | undefined> {
  const before = guest.config[key];
  if (appliesAtOnce(key)) return undefined;
  if (key === 'agent') return isSameAgent(guest, value) ? undefined : WAITS;
  if (/^net\d+$/.test(key)) {
    if (before === undefined || cardOf(before) === cardOf(value)) return undefined;
    return await unplug(world, guest, key);
  }
  if (!/^(scsi|virtio)\d+$/.test(key)) return isCdChange(before, value) ? undefined : WAITS;
  if (before === undefined) return undefined;
  if (volidOf(before) === volidOf(value)) return WAITS;
  return await unplug(world, guest, key);
}

async function unplug(world: World, guest: Guest, key: string): Promise<string | undefined> {
  if (appliesAtOnce(key) || /^unused\d+$/.test(key)) return undefined;
  const isCard = /^net\d+$/.test(key);
  if (!isCard && !/^(scsi|virtio)\d+$/.test(key)) return WAITS;
  if (isCloudinit(guest.config[key])) return WAITS;
  if (!isCard && bootOrder(guest.config).includes(key)) return `can't unplug bootdisk '${key}'`;
  if (bootVolume(world, guest)?.hotUnplug) return undefined;
  const isOwnController = isDriveKey(key) && key.startsWith('scsi') && guest.config['scsihw'] === 'virtio-scsi-single';
  const isLast = Object.keys(guest.config).filter((one) => /^scsi\d+$/.test(one)).length === 1;
  // With the last disk the shared controller goes as well.
  if (key.startsWith('scsi') && !isOwnController && !isLast) return undefined;
  await world.clock.wait(isCard ? 6000 : 17_000);
  const controller = isOwnController ? `virtioscsi${key.slice(4)}` : 'scsihw0';
  const device = key.startsWith('scsi') ? controller : key;
  return `error on hot-unplugging device '${device}' - still busy in guest?`;
}

function isSameAgent(guest: Guest, value: string | number): boolean {
  const isOn = (agent: string | number | undefined) => isAgentEnabled(agent === undefined ? {} : { agent });
  const before = guest.config['agent'];
  return before !== undefined && isOn(before) === isOn(value);
}

/** Model and MAC address, which are the device. */
function cardOf(value: string | number): string {
  return String(value).split(',')[0]?.toLowerCase() ?? '';
}

function isCdChange(before: string | number | undefined, value: string | number): boolean {
  return isCdrom(before) && isCdrom(value) && !isCloudinit(value);
}
