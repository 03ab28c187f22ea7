import { ownerOf } from '../core/goal.ts';
import type { LiveGuest } from '../core/live.ts';
import { belongsTo, hasConfig } from '../core/ownership.ts';
import { retainedDiskFor } from '../core/retained-disks.ts';
import { readTags } from '../core/tags.ts';
import type { FleetStatus, GuestStatusRow } from '../views/status-card.ts';
import type { Pipeline } from './pipeline.ts';
import type { Fleet } from './ports.ts';

/** Reads how a fleet's guests are, from the cluster now, and what its runs do. */
export async function readStatus(pipeline: Pipeline, fleet: Fleet): Promise<FleetStatus> {
  const live = await fleet.cluster.readState(new Set());
  const goal = ownerOf(fleet);
  const ours = live.guests.filter((guest) => belongsTo(goal, guest.tags));
  const runs = pipeline.runs().filter((run) => run.fleet === fleet.name);
  return {
    fleet: fleet.name,
    guests: ours.map((guest) => toRow(guest, keptOf(pipeline, fleet, guest))).sort((a, b) => a.vmid - b.vmid),
    open: runs.filter((run) => run.phase === 'planned'),
    queue: pipeline.queue(fleet),
    lastRun: runs.findLast((run) => run.phase === 'applied' || run.phase === 'failed' || run.phase === 'interrupted'),
    lock: runs[0] === undefined ? undefined : pipeline.contextOf(runs[0]).lock,
  };
}

function keptOf(pipeline: Pipeline, fleet: Fleet, guest: LiveGuest): GuestStatusRow['kept'] {
  const disk = hasConfig(guest) ? retainedDiskFor(guest, pipeline.kept(fleet)) : undefined;
  if (disk?.imageHash === undefined) return undefined;
  return { imageHash: disk.imageHash, until: disk.since + fleet.rollbackWindowMs };
}

function toRow(guest: LiveGuest, kept: GuestStatusRow['kept']): GuestStatusRow {
  const tags = readTags(guest.tags);
  return {
    name: guest.name,
    vmid: guest.vmid,
    node: guest.node,
    status: guest.status,
    pending: tags.pending,
    imageHash: tags.imageHash,
    commit: tags.commit,
    cores: coresOf(guest),
    memoryMb: guest.config?.memoryMb,
    protected: guest.config?.protected,
    ...(kept === undefined ? {} : { kept }),
  };
}

function coresOf({ kind, config }: LiveGuest): number | undefined {
  if (config === undefined) return undefined;
  return kind === 'vm' ? config.cores * config.sockets : config.cores;
}
