import { type Guest, isUnusedKey, isVolumeKey, mergedConfig, volidOf } from '../../../../src/simulator/guest.ts';
import type { KillWorld } from './world.ts';

/** The volumes that a guest lists as unused. */
export function unusedOf(guest: Guest): readonly string[] {
  return volumesIn(guest.config, isUnusedKey);
}

/** The volume in a slot, with what is pending. */
export function diskOf(guest: Guest, slot: string): string {
  return volidOf(mergedConfig(guest)[slot]);
}

/** Every volume that a guest names, now or after what is pending. */
export function namedBy({ config, pending }: Guest): readonly string[] {
  const any = (key: string) => isUnusedKey(key) || isVolumeKey(key);
  return [...volumesIn(config, any), ...volumesIn(pending, any)];
}

/** The disks that no guest names. */
export function orphansIn({ simulator }: KillWorld): readonly string[] {
  const named = new Set(simulator.guests().flatMap(namedBy));
  const disks = simulator.volumes().filter(({ content }) => !['import', 'vztmpl', 'iso', 'snippets'].includes(content));
  return disks.map(({ volid }) => volid).filter((volid) => !named.has(volid));
}

function volumesIn(config: Guest['config'], isKey: (key: string) => boolean): readonly string[] {
  return Object.entries(config).flatMap(([key, value]) => (isKey(key) ? [volidOf(value)] : []));
}
