import type { FieldChange, RollbackChange } from './change.ts';
import { type DesiredGuest, imageHash } from './guest.ts';
import type { KnownGuest } from './live.ts';
import type { RetainedDisk } from './retained-disks.ts';
import { readTags } from './tags.ts';

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
