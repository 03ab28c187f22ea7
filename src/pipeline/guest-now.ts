import type { Cluster } from '../cluster/cluster.ts';
import { errorFacts } from '../core/errors.ts';
import type { LiveGuest } from '../core/live.ts';
import type { GuestNow, Run } from '../core/run.ts';
import { readTags } from '../core/tags.ts';
import { within } from './patience.ts';
import type { Clock, Log } from './ports.ts';

/** A card does not wait longer for the state of its guest. */
const patienceMs = 10_000;

/**
 * The guest that an apply worked on last, as the cluster tells it when the apply ends; nothing for an apply that began
 * with no guest. Never rejects: a state that cannot be read is unknown.
 */
export async function guestNow(
  run: Run | undefined,
  cluster: Cluster,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<{ readonly guestNow?: GuestNow }> {
  const steps = run !== undefined && 'steps' in run ? run.steps : [];
  const last = steps.findLast(({ step, startedAt }) => 'vmid' in step && startedAt !== undefined)?.step;
  if (last === undefined || !('vmid' in last)) return {};
  const { vmid, name } = last;
  try {
    const live = await within(patienceMs, cluster.readState(new Set([vmid])), clock);
    const guest = live?.guests.find((one) => one.vmid === vmid);
    return { guestNow: { vmid, name, ...(live === undefined ? { status: 'unknown' } : stateOf(guest)) } };
  } catch (error) {
    log.warn(
      { run: run?.id, vmid, ...errorFacts(error) },
      'the state of the guest at the end of an apply is not known',
    );
    return { guestNow: { vmid, name, status: 'unknown' } };
  }
}

function stateOf(guest: LiveGuest | undefined): Omit<GuestNow, 'vmid' | 'name'> {
  if (guest === undefined) return { status: 'gone' };
  const { imageHash, pending } = readTags(guest.tags);
  return {
    status: guest.status,
    ...(imageHash === undefined ? {} : { imageHash }),
    ...(pending ? { unfinished: true } : {}),
  };
}
