import type { ReplaceChange, RollbackChange } from './change.ts';
import type { LiveGuest } from './live.ts';
import { readTags } from './tags.ts';

/**
 * A root disk that was taken out of its slot and still lies with its guest as an unused volume. Only these records tell
 * which volume holds what: the volume's name does not. A volume without a record is never deleted.
 */
export interface RetainedDisk {
  readonly vmid: number;
  /** The identity of the machine it belongs to (`LiveConfig.uuid`). */
  readonly uuid: string;
  readonly volid: string;
  /** What it holds, as the guest's tags told when it was taken out; absent when they did not. */
  readonly imageHash?: string;
  readonly commit?: string;
  readonly sizeMb?: number;
  /** When it was taken out, in milliseconds since the epoch. */
  readonly since: number;
}

/** The root disk that a change takes out; `undefined` when the guest has none, or cannot be told from others. */
export function retainedBy({ guest, live }: ReplaceChange | RollbackChange, since: number): RetainedDisk | undefined {
  const { vmid, tags, config } = live;
  const disk = config.disks[guest.diskSlot];
  if (disk === undefined || config.uuid === undefined) return undefined;
  const { imageHash, commit } = readTags(tags);
  return {
    ...{ vmid, uuid: config.uuid, volid: disk.volid, since },
    ...(disk.sizeMb === undefined ? {} : { sizeMb: disk.sizeMb }),
    // Work on the root disk takes the image's tag away until it is done: what has none was never well.
    ...(imageHash === undefined ? {} : { imageHash, ...(commit === undefined ? {} : { commit }) }),
  };
}

/**
 * With one more, which takes the place of an older record of the same volume. What that one knew of its content stays
 * known: a replace or rollback that is cut off leaves tags that do not tell.
 */
export function withRetained(retained: readonly RetainedDisk[], disk: RetainedDisk): readonly RetainedDisk[] {
  const isSame = (one: RetainedDisk) => one.vmid === disk.vmid && one.volid === disk.volid && one.uuid === disk.uuid;
  const { imageHash, commit } = retained.find(isSame) ?? {};
  const known = { ...(imageHash === undefined ? {} : { imageHash }), ...(commit === undefined ? {} : { commit }) };
  const others = retained.filter((one) => one.vmid !== disk.vmid || one.volid !== disk.volid);
  return [...others, disk.imageHash === undefined ? { ...known, ...disk } : disk];
}

/**
 * Without the records of volumes that are not unused volumes of their guest any more: what is in a slot again is taken
 * out by somebody else, if ever. A guest that cannot be read keeps its records, its node may be down; so does one with
 * work on it, whose disks are between two places.
 */
export function stillRetained(
  retained: readonly RetainedDisk[],
  guests: readonly LiveGuest[],
): readonly RetainedDisk[] {
  return retained.filter((disk) => {
    const guest = guests.find((one) => one.vmid === disk.vmid);
    if (guest === undefined) return false;
    if (guest.config === undefined) return true;
    if (guest.config.uuid !== disk.uuid) return false;
    return readTags(guest.tags).pending || Object.values(guest.config.unused).includes(disk.volid);
  });
}

/** Those of a guest that are unused and were taken out longer ago than the rollback window. */
export function dueForCollection(
  guest: LiveGuest,
  retained: readonly RetainedDisk[],
  { now, windowMs }: { readonly now: number; readonly windowMs: number },
): readonly RetainedDisk[] {
  const unused = Object.values(guest.config?.unused ?? {});
  return retained.filter(
    (disk) =>
      disk.vmid === guest.vmid &&
      disk.uuid === guest.config?.uuid &&
      unused.includes(disk.volid) &&
      disk.since + windowMs <= now,
  );
}
