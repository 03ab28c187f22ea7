import type { FieldChange, ReplaceChange, RollbackChange } from './change.ts';
import { type DesiredGuest, imageHash } from './guest.ts';
import type { KnownGuest, LiveGuest, RetainedDisk } from './live.ts';
import { readTags } from './tags.ts';

export type { RetainedDisk } from './live.ts';

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

/**
 * The newest kept root disk that a guest can go back to: one that is still with this very machine and of which is known
 * what it holds. With `wanted` it must hold that image, at that size and storage, so that nothing differs afterwards.
 */
export function retainedDiskFor(
  live: KnownGuest,
  retained: readonly RetainedDisk[],
  wanted?: DesiredGuest,
): RetainedDisk | undefined {
  const there = new Set(Object.values(live.config.unused));
  const usable = retained.filter(
    (disk) =>
      disk.vmid === live.vmid &&
      disk.uuid === live.config.uuid &&
      disk.imageHash !== undefined &&
      there.has(disk.volid) &&
      (wanted === undefined ? disk.imageHash !== readTags(live.tags).imageHash : isAsWanted(disk, wanted)),
  );
  return [...usable].sort((a, b) => b.since - a.since)[0];
}

function isAsWanted(disk: RetainedDisk, wanted: DesiredGuest): boolean {
  return (
    disk.imageHash === imageHash(wanted.image) &&
    disk.volid.startsWith(`${wanted.storage}:`) &&
    disk.sizeMb === wanted.diskGb * 1024
  );
}

/** The change that puts a kept disk back; without one it is blocked, and says what else can be done. */
export function rollbackChange(
  guest: DesiredGuest,
  live: KnownGuest,
  { fields, to }: { readonly fields: readonly FieldChange[]; readonly to: RetainedDisk | undefined },
): RollbackChange {
  const { imageHash: fromImage } = readTags(live.tags);
  return {
    ...{ action: 'rollback', vmid: guest.vmid, name: guest.name, node: live.node, guest, live, fields },
    ...(fromImage === undefined ? {} : { fromImage }),
    ...(to === undefined ? { blocked: { reason: 'nothing-retained', advice: nothingRetained } } : { to }),
  };
}

const nothingRetained =
  'No earlier root disk of it is kept. /proxnix rollback with the hash of an earlier commit builds that commit again.';

/** The tags that tell what a guest runs once it is rolled back. */
export function rolledBackTo({ to }: RollbackChange): { readonly imageHash?: string; readonly commit?: string } {
  return {
    ...(to?.imageHash === undefined ? {} : { imageHash: to.imageHash }),
    ...(to?.commit === undefined ? {} : { commit: to.commit }),
  };
}
