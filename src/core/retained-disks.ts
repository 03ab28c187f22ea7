import type { FieldChange, ReplaceChange, RollbackChange } from './change.ts';
import { type DesiredGuest, imageHash } from './guest.ts';
import type { KnownGuest, LiveGuest, RetainedDisk } from './live.ts';
import { readTags } from './tags.ts';

export type { RetainedDisk } from './live.ts';

/** The record of the root disk that a change takes out; `undefined` when the guest has no root disk or no identity. */
export function retainedBy({ guest, live }: ReplaceChange | RollbackChange, since: number): RetainedDisk | undefined {
  const { vmid, tags, config } = live;
  const disk = config.disks[guest.diskSlot];
  if (disk === undefined || config.uuid === undefined) return undefined;
  const { imageHash, commit } = readTags(tags);
  return {
    ...{ vmid, uuid: config.uuid, volid: disk.volid, since },
    ...(disk.sizeMb === undefined ? {} : { sizeMb: disk.sizeMb }),
    // Tags without an image mean unfinished work on the root disk: such a disk was never healthy, so its record names
    // no image.
    ...(imageHash === undefined ? {} : { imageHash, ...(commit === undefined ? {} : { commit }) }),
  };
}

/**
 * Adds a record; it replaces an older record of the same volume. An image that the older record names is kept when the
 * new one names none, because an interrupted replace or rollback leaves tags without an image.
 */
export function withRetained(retained: readonly RetainedDisk[], disk: RetainedDisk): readonly RetainedDisk[] {
  const isSame = (one: RetainedDisk) => one.vmid === disk.vmid && one.volid === disk.volid && one.uuid === disk.uuid;
  const { imageHash, commit } = retained.find(isSame) ?? {};
  const known = { ...(imageHash === undefined ? {} : { imageHash }), ...(commit === undefined ? {} : { commit }) };
  const others = retained.filter((one) => one.vmid !== disk.vmid || one.volid !== disk.volid);
  return [...others, disk.imageHash === undefined ? { ...known, ...disk } : disk];
}

/**
 * Drops the records of volumes that are no longer unused volumes of their guest. A guest that cannot be read keeps its
 * records, because its node may be down; so does a pending guest, whose disks are being swapped.
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

/** The retained disks of a guest that are unused and older than the rollback window. */
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
 * The newest retained disk that a guest can be rolled back to: an unused volume of this guest whose image is known.
 * With `wanted` the disk must have that image, size and storage, so that nothing differs after the rollback.
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

/** The change that puts a retained disk back. Without such a disk it is blocked, with advice. */
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

/** The image and commit for the final tags of a guest that was rolled back. */
export function rolledBackTo({ to }: RollbackChange): { readonly imageHash?: string; readonly commit?: string } {
  return {
    ...(to?.imageHash === undefined ? {} : { imageHash: to.imageHash }),
    ...(to?.commit === undefined ? {} : { commit: to.commit }),
  };
}
