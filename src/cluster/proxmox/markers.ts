import type { GuestRef } from '../../core/guest.ts';
import { attachKeys, hasCreationMarker, stagingOwner } from '../../core/tags.ts';
import type { Api } from './api.ts';
import { type GuestConfig, tagsOf, toLiveConfig } from './config.ts';
import { isRunning } from './steps/power.ts';

/** The tags of a guest on which work began: what a killed bot leaves behind is seen by them. */
export const pendingTagsText = 'proxnix;proxnix-pending';

/**
 * A guest whose creation was cut off before it got its tags. With more disks than its create call makes (none of a VM,
 * the root of a container) it is somebody's, whatever it says.
 */
export function isCreateInterrupted(vmid: number, config: GuestConfig): boolean {
  const { disks, unused, description } = toLiveConfig(config);
  const made = config.guestKind === 'vm' ? [] : ['rootfs'];
  const more = Object.keys(disks).filter((slot) => !made.includes(slot));
  return more.length + Object.keys(unused).length === 0 && hasCreationMarker(vmid, tagsOf(config), description);
}

/** The guest that holds the new root disk of this one until it is handed over. */
export function isStagingOf(vmid: number, config: GuestConfig): boolean {
  return stagingOwner(config.values['description'] ?? '') === vmid;
}

/** Where the next disk is handed over to; above one that an interrupted run left there. */
export function nextAttachKey(values: GuestConfig['values']): string | undefined {
  const next = Math.max(attachKeys.first - 1, ...attachedVolumes(values)) + 1;
  return next > attachKeys.last ? undefined : `unused${next}`;
}

/** The key of the disk that was handed over last. */
export function attachedKey(values: GuestConfig['values']): string | undefined {
  const newest = Math.max(-1, ...attachedVolumes(values));
  return newest < 0 ? undefined : `unused${newest}`;
}

/** The lowest free key for a volume that is taken out of its slot; below those of disks that are handed over. */
export function freeUnusedKey(values: GuestConfig['values']): string | undefined {
  const indexes = Array.from({ length: attachKeys.first }, (_, index) => `unused${index}`);
  return indexes.find((key) => values[key] === undefined);
}

/** The key under which a volume lies with a guest without being attached. */
export function unusedKeyOf(values: GuestConfig['values'], volid: string): string | undefined {
  return Object.keys(values).find((key) => /^unused\d+$/.test(key) && values[key] === volid);
}

/**
 * Is it a volume of this guest, by its name (`fast:823/vm-823-disk-0.raw`, `zfs:subvol-823-disk-0`)? Proxmox writes any
 * volume into `unused<n>` of a container, and deletes it with the container.
 */
export function isOwnVolume(vmid: number, volid: string): boolean {
  return new RegExp(`[:/](?:vm|base|subvol)-${vmid}-[^/]+$`).test(volid);
}

function attachedVolumes(values: GuestConfig['values']): number[] {
  const indexes = Object.keys(values).map((key) => Number(/^unused(\d+)$/.exec(key)?.[1] ?? -1));
  return indexes.filter((index) => index >= attachKeys.first);
}

/** A guest whose creation was cut off before it got its tags. A container that runs was started by somebody. */
export async function isCreateInterruptedNow(api: Api, at: GuestRef, config: GuestConfig): Promise<boolean> {
  return isCreateInterrupted(at.vmid, config) && (at.guestKind === 'vm' || !(await isRunning(api, at)));
}
