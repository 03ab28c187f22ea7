import type { Change, FieldChange, ReplaceChange, RollbackChange } from './change.ts';
import { type DesiredGuest, imageHash } from './guest.ts';
import { type GuestFacts, provenOn } from './guest-facts.ts';
import type { KnownGuest, LiveGuest, RetainedDisk } from './live.ts';
import { readTags } from './tags.ts';

export type { RetainedDisk } from './live.ts';

/**
 * The record of the root disk that a change takes out; `undefined` when the guest has no root disk or no identity.
 * `facts` tell how its image is judged.
 */
export function retainedBy(
  { guest, live }: ReplaceChange | RollbackChange,
  since: number,
  facts?: GuestFacts,
): RetainedDisk | undefined {
  const { vmid, tags, config } = live;
  const disk = config.disks[guest.diskSlot];
  if (disk === undefined || config.uuid === undefined) return undefined;
  const { imageHash, commit } = readTags(tags);
  return {
    ...provenOn(facts, imageHash),
    ...{ vmid, uuid: config.uuid, volid: disk.volid, since },
    ...(disk.sizeMb === undefined ? {} : { sizeMb: disk.sizeMb }),
    // No tag names the image of a guest that was adopted, or on whose root disk work was interrupted.
    ...(imageHash === undefined ? {} : { imageHash, ...(commit === undefined ? {} : { commit }) }),
  };
}

/**
 * Adds a record; it replaces an older record of the same volume. An image that the older record names is kept when the
 * new one names none, because an interrupted replace or rollback leaves tags without an image. A disk on which the guest
 * was healthy once stays on offer.
 */
export function withRetained(retained: readonly RetainedDisk[], disk: RetainedDisk): readonly RetainedDisk[] {
  const isSame = (one: RetainedDisk) => one.vmid === disk.vmid && one.volid === disk.volid && one.uuid === disk.uuid;
  const { imageHash, commit, health, agent } = retained.find(isSame) ?? {};
  const others = retained.filter((one) => one.vmid !== disk.vmid || one.volid !== disk.volid);
  if (disk.imageHash !== undefined || imageHash === undefined) return [...others, disk];
  const { unhealthy: _, ...rest } = disk;
  const known = {
    ...(commit === undefined ? {} : { commit }),
    ...(health === undefined ? {} : { health }),
    ...(agent === undefined ? {} : { agent }),
  };
  return [...others, { ...rest, imageHash, ...known }];
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

/** Does the change leave a retained disk behind, so that the guest can be rolled back? */
export function retainsDisk(change: Change): change is ReplaceChange | RollbackChange {
  if (change.action !== 'rollback' && !(change.action === 'replace' && !change.incomplete)) return false;
  return retainedBy(change, 0) !== undefined;
}

/**
 * The retained disk that a guest can be rolled back to: an unused volume of this guest, the newest whose image is known
 * before the newest of an unknown image, and one of the image that the guest runs last. With `wanted` the disk must have that image, size and storage, so that nothing
 * differs after the rollback.
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
      disk.unhealthy === undefined &&
      there.has(disk.volid) &&
      (wanted === undefined || isAsWanted(disk, wanted)),
  );
  const { imageHash: now } = readTags(live.tags);
  const rank = ({ imageHash }: RetainedDisk) => (imageHash === undefined ? 1 : imageHash === now ? 2 : 0);
  return [...usable].sort((a, b) => rank(a) - rank(b) || b.since - a.since)[0];
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

/**
 * The image and commit for the final tags of a guest that was rolled back. A disk of an unknown image leaves both out, as
 * for a guest that was just adopted: the next plan of a commit replaces it.
 */
export function rolledBackTo(
  { to }: RollbackChange,
  planned: { readonly imageHash: string; readonly commit: string },
): { readonly imageHash?: string; readonly commit?: string } {
  if (to?.imageHash === undefined) return {};
  // A disk of the image that the commit wants belongs to that commit, where no tag named one.
  const commit = to.commit ?? (to.imageHash === planned.imageHash ? planned.commit : undefined);
  return { imageHash: to.imageHash, ...(commit === undefined ? {} : { commit }) };
}
