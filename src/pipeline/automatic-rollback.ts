import type { Cluster, ClusterMonitor, Precondition } from '../cluster/cluster.ts';
import {
  type Change,
  changesDataDisks,
  type ReplaceChange,
  type RollbackChange,
  requiresRestart,
  settingFields,
  type UpdateChange,
} from '../core/change.ts';
import { liveDataDisks } from '../core/data-disk-changes.ts';
import { withLiveSettings } from '../core/diff.ts';
import { RolledBackError, UserError } from '../core/errors.ts';
import { tpmBefore } from '../core/firmware.ts';
import { guestLabel } from '../core/guest.ts';
import { type GuestFacts, provenOn } from '../core/guest-facts.ts';
import type { RetainedDisk } from '../core/retained-disks.ts';
import type { Step, StepSpec } from '../core/steps.ts';
import { finalTags, readTags, splitTags, updatingTags } from '../core/tags.ts';
import type { Health } from '../health/health.ts';

/**
 * The health check was carried out and the guest is unhealthy. A check that could not be carried out is another error.
 */
export class UnhealthyGuest extends UserError {}

/**
 * Does this failure cause an automatic rollback? It does when the guest does not run as changed or is unhealthy.
 */
export function needsAutomaticRollback(step: Pick<Step, 'kind'>, error: unknown): boolean {
  if (step.kind === 'health') return error instanceof UnhealthyGuest;
  return step.kind === 'restart' || step.kind === 'start';
}

/** A change that restarts its guest and can be rolled back. */
export type Undoable = ReplaceChange | RollbackChange | UpdateChange;

/** Can the change be rolled back? Of an update it must be known that the guest ran with the old settings. */
export function isUndoable(change: Change): change is Undoable {
  if (change.action === 'update') return requiresRestart(change) || change.finishes === true;
  return change.action === 'rollback' || (change.action === 'replace' && !change.incomplete);
}

/**
 * Puts the old root disk of a replaced guest and the old settings of a changed one back, starts the guest and checks its
 * health. A healthy guest gets its old tags again; until then it carries `proxnix-pending`.
 * @returns the failure that the run ends with, whether the rollback succeeded or not
 */
export async function rollback(options: {
  readonly change: Undoable;
  /** The root disk to put back, and what is on it, where the plan does not tell; absent: the one of the plan. */
  readonly kept?: RetainedDisk | undefined;
  /** Which check belongs to the old image. */
  readonly facts: GuestFacts;
  readonly cluster: Cluster;
  readonly health: Health;
  readonly monitor: ClusterMonitor;
  readonly failure: unknown;
  /** Records the new root disk, which is taken out again: it is never offered for a rollback. */
  readonly retain: (disk: Omit<RetainedDisk, 'since'>) => Promise<void>;
}): Promise<unknown> {
  const { change, kept, facts, cluster, health, monitor, failure, retain } = options;
  const { guest, live, name, vmid, node } = change;
  const isUpdate = change.action === 'update' && kept === undefined;
  // A guest that was made by the interrupted run has nothing to go back to.
  if (isUpdate && change.finishes) return failure;
  const volid = kept?.volid ?? live.config.disks[guest.diskSlot]?.volid;
  const old = isUpdate ? 'settings' : 'root disk';
  if ((volid === undefined && !isUpdate) || !(failure instanceof UserError)) return failure;
  const at = { guestKind: guest.kind, vmid, node };
  try {
    monitor.line(`rolling back: the old ${old} ${isUpdate ? 'are' : 'is'} put back`);
    const now = await identify(cluster, change);
    const newVolid = now.config.disks[guest.diskSlot]?.volid;
    if (!isUpdate && newVolid !== undefined && newVolid !== volid) {
      await retain({ vmid, uuid: now.config.uuid, volid: newVolid, unhealthy: true });
    }
    let precondition: Precondition | undefined = { ...at, uuid: now.config.uuid, digest: now.config.digest };
    const perform = async (step: StepSpec) => {
      precondition = await cluster.perform(step, precondition, monitor);
    };
    const oldTags = kept === undefined ? splitTags(live.tags.join(';')).join(';') : tagsOn(kept, live.tags);
    if (!isUpdate && volid !== undefined) await perform({ ...at, kind: 'rollback', guest, volid });
    // The settings that came with an image may be what kept the guest from starting.
    if (settingFields(change).length > 0) {
      const tags = updatingTags(splitTags(oldTags));
      await perform({ ...at, kind: 'configure', guest: withLiveSettings(guest, live), tags });
      // A disk that was taken out may be the one that the guest does not start without.
      const disks = {
        ...(changesDataDisks(change) ? liveDataDisks(guest, live) : {}),
        ...tpmBefore(change.fields, live),
      };
      if (Object.keys(disks).length > 0) await perform({ ...at, kind: 'restore-disks', disks });
      await perform({ ...at, kind: 'restart' });
    }
    await perform({ ...at, kind: 'start' });
    const { imageHash } = kept ?? readTags(live.tags);
    // The check of the commit that failed is for its own image and settings.
    const { health: check, agent: hadAgent = false } = kept ?? provenOn(facts, imageHash);
    const watched = { ...at, name, hadAgent, ...(check === undefined ? {} : { check }) };
    const { healthy, checks } = await health.check(watched, monitor);
    for (const { text } of checks) monitor.line(text);
    if (!healthy)
      throw new UserError(`${name} (${vmid}) is not healthy ${isUpdate ? 'with' : 'on'} its old ${old} either.`);
    await perform({ ...at, kind: 'finish', guest: { ...guest, protected: false }, tags: oldTags });
    const rolledBack = {
      ...{ vmid, name },
      ...(imageHash === undefined ? {} : { imageHash }),
      ...(isUpdate ? ({ settings: true } as const) : {}),
    };
    return new RolledBackError(rolledBack, failure.message, {
      details: failure.details,
      cause: failure,
      ...(failure.next === undefined ? {} : { next: failure.next }),
    });
  } catch (second) {
    const why =
      second instanceof UserError
        ? [second.message, second.next].filter((one) => one !== undefined).join(' ')
        : 'an unexpected error, see the log of the bot';
    const before = failure.next === undefined ? '' : `${failure.next} `;
    const left = isUpdate
      ? `${guestLabel(at)} stays tagged proxnix-pending: look in Proxmox whether it runs.`
      : `The old root disk ${volid} is still with ${guestLabel(at)}, tagged proxnix-pending.`;
    return new UserError(failure.message, {
      next: `${before}It could not be rolled back: ${why} ${left}`,
      details: failure.details,
      cause: second,
    });
  }
}

/** The final tags of a guest that runs a kept disk. */
function tagsOn({ imageHash, commit }: RetainedDisk, before: readonly string[]): string {
  const { fleet } = readTags(before);
  return finalTags(before, {
    ...(imageHash === undefined ? {} : { imageHash }),
    ...(commit === undefined ? {} : { commit }),
    ...(fleet === undefined ? {} : { fleet }),
  });
}

/**
 * The guest's current precondition, if it is still the machine that was changed. Its digest may have changed: a
 * restart that failed half-way makes pending values current, and Proxmox writes that into the configuration.
 */
async function identify(cluster: Cluster, change: Undoable) {
  const { vmid, node, live } = change;
  const now = (await cluster.readState(new Set([vmid]))).guests.find((guest) => guest.vmid === vmid);
  const label = guestLabel({ guestKind: change.guest.kind, vmid });
  if (now !== undefined && now.config === undefined) throw new UserError(`${label} cannot be read on ${now.node}.`);
  const uuid = now?.config?.uuid;
  if (now?.config === undefined || uuid === undefined || uuid !== live.config.uuid) {
    throw new UserError(`${label} is not the machine any more that was being changed.`);
  }
  if (now.node !== node) throw new UserError(`${label} was moved to ${now.node} meanwhile.`);
  if (!readTags(now.tags).pending) throw new UserError(`${label} does not carry proxnix-pending any more.`);
  return { config: { ...now.config, uuid } };
}
