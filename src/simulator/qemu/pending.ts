import { type Config, type Guest, isUnusedKey, volidOf } from '../guest.ts';
import { bootOrder } from '../guest-status.ts';
import type { World } from '../world.ts';
import { engage, retire } from './disks.ts';
import { isDriveKey } from './options.ts';

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
