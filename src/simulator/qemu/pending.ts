import { type Config, type Guest, volidOf } from '../guest.ts';
import { bootDisk, bootOrder, bootVolume, isAgentEnabled, isNamed } from '../guest-status.ts';
import type { World } from '../world.ts';
import { bridgeOf } from './cards.ts';
import { engage, isCdrom, isCloudinit, parseDrive, retire } from './disks.ts';
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
  if (key === 'description' && value === '') delete guest.config[key];
  else guest.config[key] = value;
  forgetLost(guest, key);
  if (!isDriveKey(key)) return;
  engage(guest.config, value);
  if (before !== undefined && volidOf(before) !== volidOf(value)) retire(world, guest.config, before);
}

/** Removes one key for good. A disk is kept as unused. */
export function applyDelete(world: World, guest: Guest, key: string): void {
  const before = guest.config[key];
  delete guest.config[key];
  forgetLost(guest, key);
  guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  if (before === undefined || !isDriveKey(key)) return;
  retire(world, guest.config, before);
}

function forgetLost(guest: Guest, key: string): void {
  if (guest.lost !== undefined) guest.lost = guest.lost.filter((one) => one !== key);
}

/** Takes a device out of `boot: order=`. */
export function removeFromBoot(config: Config, key: string): void {
  const order = bootOrder(config);
  if (order.includes(key)) config['boot'] = printBoot(order.filter((one) => one !== key));
}

/** A boot order as it is stored: one space when no device is left. */
export function printBoot(order: readonly string[]): string {
  return order.length === 0 ? ' ' : `order=${order.join(';')}`;
}

/** Drops pending values that are the configured ones already. */
export function tidyPending(guest: Guest): void {
  for (const [key, value] of Object.entries(guest.pending)) {
    const now = guest.config[key] ?? (key === 'description' ? '' : undefined);
    if (now === value) delete guest.pending[key];
  }
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
  if (key === 'balloon') return hasBalloon(before) === hasBalloon(value) ? undefined : WAITS;
  if (key === 'agent') return isSameAgent(guest, value) ? undefined : WAITS;
  if (/^net\d+$/.test(key)) return await plugCard(world, guest, key, value);
  if (isCdChange(before, value)) return undefined;
  if (!isDriveKey(key) || isFirmware(key)) return WAITS;
  if (before !== undefined && volidOf(before) === volidOf(value))
    return changesDevice(before, value) ? WAITS : undefined;
  if (!isHotpluggable(key) || !hotplugs(guest, 'disk')) return WAITS;
  return before === undefined ? undefined : await unplug(world, guest, key);
}

/** A card with another model, MAC address, mtu or number of queues is another device; everything else is set on the host. */
async function plugCard(world: World, guest: Guest, key: string, value: string | number): Promise<string | undefined> {
  const before = guest.config[key];
  const isDevice = before === undefined || deviceOf(before) !== deviceOf(value);
  if (isDevice && !hotplugs(guest, 'network')) return WAITS;
  const held = before !== undefined && isDevice ? await unplug(world, guest, key) : undefined;
  return held ?? bridgeProblem(world, guest, value);
}

/** What the script of a card says when it is plugged into a running VM (9.2.11). */
function bridgeProblem(world: World, guest: Guest, value: string | number): string | undefined {
  const { bridge, isThere, lacksUplink } = bridgeOf(world, guest, value);
  if (lacksUplink) return `no physical interface on bridge '${bridge}'`;
  if (isThere) return undefined;
  const script = 'network script /usr/libexec/qemu-server/pve-bridge-hotplug failed with status 512';
  return `VM ${guest.vmid} qmp command 'netdev_add' failed - ${script}`;
}

async function unplug(world: World, guest: Guest, key: string): Promise<string | undefined> {
  if (appliesAtOnce(key) || /^unused\d+$/.test(key)) return undefined;
  if (key === 'balloon') return hasBalloon(guest.config[key]) ? undefined : WAITS;
  const isCard = /^net\d+$/.test(key);
  if (!isCard && !isHotpluggable(key)) return WAITS;
  if (!hotplugs(guest, isCard ? 'network' : 'disk')) return WAITS;
  if (isCloudinit(guest.config[key])) return WAITS;
  if (!isCard && bootOrder(guest.config).includes(key)) return `can't unplug bootdisk '${key}'`;
  if (guest.lost?.includes(key) || letsGo(world, guest)) return undefined;
  const isOwnController = key.startsWith('scsi') && guest.config['scsihw'] === 'virtio-scsi-single';
  const isLast = Object.keys(guest.config).filter((one) => /^scsi\d+$/.test(one)).length === 1;
  // With the last disk the shared controller goes as well.
  if (key.startsWith('scsi') && !isOwnController && !isLast) return undefined;
  await world.clock.wait(isCard ? 6000 : 17_000);
  // The disk itself is gone by then, only its controller is not: the next attempt succeeds.
  if (key.startsWith('scsi')) guest.lost = [...(guest.lost ?? []), key];
  const controller = isOwnController ? `virtioscsi${key.slice(4)}` : 'scsihw0';
  const device = key.startsWith('scsi') ? controller : key;
  return `error on hot-unplugging device '${device}' - still busy in guest?`;
}

/** Whether the system in a running VM lets go of a device. */
function letsGo(world: World, guest: Guest): boolean {
  return bootVolume(world, guest)?.hotUnplug === true && !isNamed(guest, 'deaf');
}

/** Whether the option `hotplug` has a kind of device; without the option disks and networks are in it. */
function hotplugs(guest: Guest, kind: 'disk' | 'network'): boolean {
  const option = String(guest.config['hotplug'] ?? '1');
  return option === '1' || option.split(',').includes(kind);
}

function isHotpluggable(key: string): boolean {
  return /^(?:scsi|virtio)\d+$/.test(key);
}

function isFirmware(key: string): boolean {
  return key === 'efidisk0' || key === 'tpmstate0';
}

const OF_DEVICE = ['aio', 'cache', 'discard', 'event_idx', 'iothread', 'product', 'queues', 'ro', 'ssd', 'vendor'];

/** Whether one of the keys differs that a running VM cannot change of a disk (9.2.11, vmconfig_update_disk). */
function changesDevice(before: string | number, value: string | number): boolean {
  const [{ options: old }, { options: wanted }] = [parseDrive(before), parseDrive(value)];
  return OF_DEVICE.some((key) => old.get(key) !== wanted.get(key));
}

/** A balloon of 0 is no device at all, which a running VM neither gets nor loses. */
function hasBalloon(value: string | number | undefined): boolean {
  return value === undefined || Number(value) !== 0;
}

function isSameAgent(guest: Guest, value: string | number): boolean {
  const isOn = (agent: string | number | undefined) => isAgentEnabled(agent === undefined ? {} : { agent });
  const before = guest.config['agent'];
  return before !== undefined && isOn(before) === isOn(value);
}

/** Model and MAC address, mtu and queues, which are the device. */
function deviceOf(value: string | number): string {
  const [first = '', ...rest] = String(value).split(',');
  return [first.toLowerCase(), ...rest.filter((part) => /^(?:mtu|queues)=/.test(part))].join(',');
}

function isCdChange(before: string | number | undefined, value: string | number): boolean {
  return isCdrom(before) && isCdrom(value) && !isCloudinit(value);
}
