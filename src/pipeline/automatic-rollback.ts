import type { Cluster, ClusterMonitor, Precondition } from '../cluster/cluster.ts';
import type { ReplaceChange, RollbackChange } from '../core/change.ts';
import { RolledBackError, UserError } from '../core/errors.ts';
import { guestLabel } from '../core/guest.ts';
import type { RetainedDisk } from '../core/retained-disks.ts';
import type { Step, StepSpec } from '../core/steps.ts';
import { readTags, splitTags } from '../core/tags.ts';
import type { Health } from '../health/health.ts';

/**
 * The health check was carried out and the guest is unhealthy. A check that could not be carried out is another error.
 */
export class UnhealthyGuest extends UserError {}

/**
 * Does this failure cause an automatic rollback? It does when the guest does not run from its new root disk or is
 * unhealthy.
 */
export function needsAutomaticRollback(step: Pick<Step, 'kind'>, error: unknown): boolean {
  if (step.kind === 'health') return error instanceof UnhealthyGuest;
  return step.kind === 'restart' || step.kind === 'start';
}

/**
 * Puts the old root disk of a replaced guest back, starts the guest and checks its health. A healthy guest gets its old
 * tags again; until then it carries `proxnix-pending`.
 * @returns the failure that the run ends with, whether the rollback succeeded or not
 */
export async function rollback(options: {
  readonly change: ReplaceChange | RollbackChange;
  readonly cluster: Cluster;
  readonly health: Health;
  readonly monitor: ClusterMonitor;
  readonly failure: unknown;
  /** Records the new root disk, which is taken out again: it is never offered for a rollback. */
  readonly retain: (disk: Omit<RetainedDisk, 'since'>) => Promise<void>;
}): Promise<unknown> {
  const { change, cluster, health, monitor, failure, retain } = options;
  const { guest, live, name, vmid, node } = change;
  const volid = live.config.disks[guest.diskSlot]?.volid;
  if (volid === undefined || !(failure instanceof UserError)) return failure;
  const at = { guestKind: guest.kind, vmid, node };
  try {
    monitor.line('rolling back: the old root disk is put back');
    const now = await identify(cluster, change);
    const newVolid = now.config.disks[guest.diskSlot]?.volid;
    if (newVolid !== undefined && newVolid !== volid)
      await retain({ vmid, uuid: now.config.uuid, volid: newVolid, unhealthy: true });
    let precondition: Precondition | undefined = { ...at, uuid: now.config.uuid, digest: now.config.digest };
    const perform = async (step: StepSpec) => {
      precondition = await cluster.perform(step, precondition, monitor);
    };
    await perform({ ...at, kind: 'rollback', guest, volid });
    await perform({ ...at, kind: 'start' });
    const { healthy, checks } = await health.check({ ...at, name, ...checkOf(guest.health) }, monitor);
    for (const { text } of checks) monitor.line(text);
    if (!healthy) throw new UserError(`${name} (${vmid}) is not healthy on its old root disk either.`);
    const tags = splitTags(live.tags.join(';')).join(';');
    await perform({ ...at, kind: 'finish', guest: { ...guest, protected: false }, tags });
    const imageHash = readTags(live.tags).imageHash;
    return new RolledBackError({ vmid, name, ...(imageHash === undefined ? {} : { imageHash }) }, failure.message, {
      details: failure.details,
      cause: failure,
      ...(failure.next === undefined ? {} : { next: failure.next }),
    });
  } catch (second) {
    const why = second instanceof UserError ? second.message : 'an unexpected error, see the log of the bot';
    const before = failure.next === undefined ? '' : `${failure.next} `;
    return new UserError(failure.message, {
      next: `${before}It could not be rolled back: ${why} The old root disk ${volid} is still with ${guestLabel(at)}, tagged proxnix-pending.`,
      details: failure.details,
      cause: second,
    });
  }
}

/**
 * The guest's current precondition, if it is still the machine that was replaced. Its digest may have changed: a
 * restart that failed half-way makes pending values current, and Proxmox writes that into the configuration.
 */
async function identify(cluster: Cluster, change: ReplaceChange | RollbackChange) {
  const { vmid, node, live } = change;
  const now = (await cluster.readState(new Set([vmid]))).guests.find((guest) => guest.vmid === vmid);
  const label = guestLabel({ guestKind: change.guest.kind, vmid });
  if (now !== undefined && now.config === undefined) throw new UserError(`${label} cannot be read on ${now.node}.`);
  const uuid = now?.config?.uuid;
  if (now?.config === undefined || uuid === undefined || uuid !== live.config.uuid) {
    throw new UserError(`${label} is not the machine any more that was being replaced.`);
  }
  if (now.node !== node) throw new UserError(`${label} was moved to ${now.node} meanwhile.`);
  if (!readTags(now.tags).pending) throw new UserError(`${label} does not carry proxnix-pending any more.`);
  return { config: { ...now.config, uuid } };
}

function checkOf(check: ReplaceChange['guest']['health']) {
  return check === undefined ? {} : { check };
}
