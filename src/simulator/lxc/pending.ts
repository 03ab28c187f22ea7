import { addUnused, type Guest } from '../guest.ts';
import type { World } from '../world.ts';
import { isMountKey } from './options.ts';
import { tidyUnused, volumeOf } from './volumes.ts';

/** Applies what is pending. A root that is replaced drops out of the configuration, unless the same change lists it as unused. */
export function applyPending(world: World, guest: Guest): void {
  for (const key of guest.pendingDelete.splice(0)) applyDelete(world, guest, key);
  Object.assign(guest.config, guest.pending);
  guest.pending = {};
  tidyUnused(guest.config);
}

/** Removes a key for good; the volume of a mount point is kept as unused. */
export function applyDelete(world: World, guest: Guest, key: string): void {
  const value = guest.config[key];
  delete guest.config[key];
  guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
  if (value === undefined || !isMountKey(key)) return;
  const volid = volumeOf(value);
  const isUsed = Object.keys(guest.config).some((one) => isMountKey(one) && volumeOf(guest.config[one]) === volid);
  if (!isUsed && world.storages.volume(volid) !== undefined) addUnused(guest.config, volid);
}
