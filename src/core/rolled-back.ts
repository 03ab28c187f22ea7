import type { RollbackChange } from './change.ts';
import { hasConfig, onlyGuest, type RolledBackGuest } from './goal.ts';
import type { LiveGuest } from './live.ts';
import type { Run } from './run.ts';
import { readTags } from './tags.ts';

/**
 * The guests whose difference from the applied commit is a rollback that somebody approved. It is no drift: undoing it is
 * a decision of its own.
 * @param runs every run of the fleet that is kept, oldest first
 * @param guests of which the configuration is known, those that are still the machines that were rolled back count alone
 */
export function rolledBackGuests(runs: readonly Run[], guests: readonly LiveGuest[]): readonly RolledBackGuest[] {
  return guests.flatMap((live) => {
    const last = lastRollback(runs, live.vmid);
    if (last === undefined) return [];
    const { change, ...guest } = last;
    const isOther = hasConfig(live) && live.config.uuid !== change.live.config.uuid;
    const { imageHash, pending } = readTags(live.tags);
    return isOther || pending || imageHash !== change.to?.imageHash ? [] : [{ ...guest, name: live.name }];
  });
}

/** The newest rollback of a guest after the fleet's last apply. */
function lastRollback(
  runs: readonly Run[],
  vmid: number,
): (RolledBackGuest & { readonly change: RollbackChange }) | undefined {
  const whole = runs.findLastIndex((run) => run.phase === 'applied' && onlyGuest(run.plan.goal) === undefined);
  for (const run of runs.slice(whole + 1).toReversed()) {
    if (run.phase !== 'applied' || run.trigger.kind !== 'rollback') continue;
    const change = run.plan.changes.find((one) => one.vmid === vmid && one.blocked === undefined);
    if (change?.action !== 'rollback') continue;
    return { vmid, name: change.name, runId: run.id, by: run.trigger.by.name, change };
  }
  return undefined;
}
