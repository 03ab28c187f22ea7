import type { GuestRef } from '../../core/guest.ts';
import { attachKeys, hasCreationMarker, stagingOwner } from '../../core/tags.ts';
import type { Api } from './api.ts';
import { type GuestConfig, tagsOf, toLiveConfig } from './config.ts';
import { powerOf } from './steps/ha.ts';

/** The tags of a guest on which work has begun: they show what a killed bot left behind. */
export const pendingTagsText = 'proxnix;proxnix-pending';

/**
 * Was the creation of the guest interrupted before it got its tags? A guest with more disks than its create call makes
 * (none for a VM, the root for a container) is not ours, whatever its description says.
 */
export function isCreateInterrupted(vmid: number, config: GuestConfig): boolean {
  const { disks, unused, description = '' } = toLiveConfig(config);
  const made = config.guestKind === 'vm' ? [] : ['rootfs'];
  const more = Object.keys(disks).filter((slot) => !made.includes(slot));
  return more.length + Object.keys(unused).length === 0 && hasCreationMarker(vmid, tagsOf(config), description);
}

/** Is it the staging guest that holds the new root disk of this guest? */
export function isStagingOf(vmid: number, config: GuestConfig): boolean {
  return stagingOwner(config.values['description'] ?? '') === vmid;
}

/** The key that the next disk is attached under; above the key of a disk that an interrupted run left. */
export function nextAttachKey(values: GuestConfig['values']): string | undefined {
  const next = Math.max(attachKeys.first - 1, ...attachedVolumes(values)) + 1;
  return next > attachKeys.last ? undefined : `unused${next}`;
}

/** The key of the disk that was attached last. */
export function attachedKey(values: GuestConfig['values']): string | undefined {
  const newest = Math.max(-1, ...attachedVolumes(values));
  return newest < 0 ? undefined : `unused${newest}`;
}

/**
 * A free key for a volume that is taken out of its slot; below the keys of attached disks. Proxmox itself gives the lowest
 * free keys to mounts that a restart takes out, before it applies what is pending under such a key: a volume that is
 * written there would take the place of a mount's, which then no configuration names (PVE 9.2, `vmconfig_apply_pending`).
 */
export function freeUnusedKey({
  values,
  current,
  pending,
}: Omit<GuestConfig, 'digest' | 'guestKind'>): string | undefined {
  const leaving = pending.filter((key) => /^mp\d+$/.test(key) && values[key] === undefined);
  const indexes = Array.from({ length: attachKeys.first }, (_, index) => `unused${index}`);
  return indexes.filter((key) => values[key] === undefined && current[key] === undefined)[leaving.length];
}

/** The key of an unused volume of a guest. */
export function unusedKeyOf(values: GuestConfig['values'], volid: string): string | undefined {
  return Object.keys(values).find((key) => /^unused\d+$/.test(key) && values[key] === volid);
}

/**
 * Does the volume belong to this guest by its name (`fast:823/vm-823-disk-0.raw`, `zfs:subvol-823-disk-0`)? Proxmox
 * accepts any volume as `unused<n>` of a container, and deletes it with the container.
 */
export function isOwnVolume(vmid: number, volid: string): boolean {
  return new RegExp(`[:/](?:vm|base|subvol)-${vmid}-[^/]+$`).test(volid);
}

function attachedVolumes(values: GuestConfig['values']): number[] {
  const indexes = Object.keys(values).map((key) => Number(/^unused(\d+)$/.exec(key)?.[1] ?? -1));
  return indexes.filter((index) => index >= attachKeys.first);
}

/**
 * Was the creation of the guest interrupted before it got its tags? A running container is not: somebody has started
 * it.
 */
export async function isCreateInterruptedNow(api: Api, at: GuestRef, config: GuestConfig): Promise<boolean> {
  return isCreateInterrupted(at.vmid, config) && (at.guestKind === 'vm' || !(await powerOf(api, at)).running);
}
