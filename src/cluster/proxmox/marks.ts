import { handOverKeys, isBeingMade, stagingOwner } from '../../core/marks.ts';
import { type GuestConfig, tagsOf, toLiveConfig } from './config.ts';

/** The tags of a guest on which work began: what a killed bot leaves behind is seen by them. */
export const pendingMark = 'proxnix;proxnix-pending';

/** A guest whose creation was cut off before it got its tags. With a disk it is somebody's, whatever it says. */
export function isCutOff(vmid: number, config: GuestConfig): boolean {
  const { disks, unused, description } = toLiveConfig(config);
  const bare = Object.keys(disks).length + Object.keys(unused).length === 0;
  return bare && isBeingMade(vmid, tagsOf(config), description);
}

/** The guest that holds the new root disk of this VM until it is handed over. */
export function isStagingOf(vmid: number, config: GuestConfig): boolean {
  return stagingOwner(config.values['description'] ?? '') === vmid;
}

/** Where the next disk is handed over to; above one that an interrupted run left there. */
export function nextHandOverKey(values: GuestConfig['values']): string | undefined {
  const next = Math.max(handOverKeys.first - 1, ...handedOver(values)) + 1;
  return next > handOverKeys.last ? undefined : `unused${next}`;
}

/** The key of the disk that was handed over last. */
export function handedOverKey(values: GuestConfig['values']): string | undefined {
  const newest = Math.max(-1, ...handedOver(values));
  return newest < 0 ? undefined : `unused${newest}`;
}

function handedOver(values: GuestConfig['values']): number[] {
  const indexes = Object.keys(values).map((key) => Number(/^unused(\d+)$/.exec(key)?.[1] ?? -1));
  return indexes.filter((index) => index >= handOverKeys.first);
}
