import { hasConfig, onlyGuest, type RolledBackGuest } from './goal.ts';
import type { LiveGuest } from './live.ts';
import type { Run } from './run.ts';
import { readTags } from './tags.ts';

/**
 * The guests whose difference from the applied commit is a rollback that somebody approved. It is no drift: undoing it is
 * a decision of its own.
 * @param runs every run of the fleet that is kept, oldest first
 */
export function rolledBackGuests(runs: readonly Run[], guests: readonly LiveGuest[]): readonly RolledBackGuest[] {
  const whole = runs.findLastIndex((run) => run.phase === 'applied' && onlyGuest(run.plan.goal) === undefined);
  const found = new Map<number, RolledBackGuest>();
  for (const run of runs.slice(whole + 1)) {
    if (run.phase !== 'applied' || run.trigger.kind !== 'rollback') continue;
    for (const change of run.plan.changes) {
      const live = guests.find(({ vmid }) => vmid === change.vmid);
      if (change.action !== 'rollback' || change.blocked !== undefined || live === undefined) continue;
      const isSame = hasConfig(live) && live.config.uuid === change.live.config.uuid;
      const { imageHash, pending } = readTags(live.tags);
      if (!isSame || pending || imageHash !== change.to?.imageHash) continue;
      found.set(live.vmid, { vmid: live.vmid, name: live.name, runId: run.id, by: run.trigger.by.name });
    }
  }
  return [...found.values()];
}
