import { belongsTo, hasConfig, ownerOf } from '../core/goal.ts';
import type { LiveGuest } from '../core/live.ts';
import { type RetainedDisk, retainedDiskFor } from '../core/retained-disks.ts';
import { isPreview } from '../core/run.ts';
import { readTags } from '../core/tags.ts';
import type { Store } from '../store/store.ts';
import type { FleetStatus, GuestStatusRow } from '../views/answer-cards.ts';
import type { Fleet } from './ports.ts';
import type { Runs } from './runs.ts';

/** Reads the current state of a fleet's guests from the cluster, and of its runs. */
export async function readStatus(
  fleet: Fleet,
  { store, runs: all }: { readonly store: Store; readonly runs: Runs },
): Promise<FleetStatus> {
  const live = await fleet.cluster.readState(new Set());
  const ours = live.guests.filter((guest) => belongsTo(ownerOf(fleet), guest.tags));
  const { lock, retainedDisks = [] } = store.fleet(fleet.name);
  const runs = all.all().filter((run) => run.fleet === fleet.name);
  return {
    fleet: fleet.name,
    guests: ours
      .map((guest) => toRow(guest, retainedFor(guest, retainedDisks, fleet.rollbackWindowMs)))
      .sort((a, b) => a.vmid - b.vmid),
    open: runs.filter((run) => run.phase === 'planned'),
    queue: all.queue(fleet),
    lastRun: runs.findLast((run) => ['applied', 'failed', 'interrupted'].includes(run.phase) && !isPreview(run)),
    lock,
  };
}

function retainedFor(guest: LiveGuest, disks: readonly RetainedDisk[], windowMs: number): GuestStatusRow['retained'] {
  const disk = hasConfig(guest) ? retainedDiskFor(guest, disks) : undefined;
  if (disk === undefined) return undefined;
  const { imageHash } = disk;
  return { ...(imageHash === undefined ? {} : { imageHash }), until: disk.since + windowMs };
}

function toRow(guest: LiveGuest, retained: GuestStatusRow['retained']): GuestStatusRow {
  const tags = readTags(guest.tags);
  return {
    name: guest.name,
    vmid: guest.vmid,
    node: guest.node,
    status: guest.status,
    ...(guest.paused === undefined ? {} : { paused: guest.paused }),
    pending: tags.pending,
    imageHash: tags.imageHash,
    commit: tags.commit,
    cores: coresOf(guest),
    memoryMb: guest.config?.memoryMb,
    protected: guest.config?.protected,
    ...(retained === undefined ? {} : { retained }),
  };
}

function coresOf({ kind, config }: LiveGuest): number | undefined {
  if (config === undefined) return undefined;
  return kind === 'vm' ? config.cores * config.sockets : config.cores;
}
