import { onlyGuest } from './goal.ts';
import { runnable } from './plan.ts';
import { retainsDisk } from './retained-disks.ts';
import { type AppliedRun, type Run, reachedApply } from './run.ts';

/** What an applied run is rolled back to: the root disk that its one guest had before, or the commit applied before. */
export type RollbackOffer =
  | { readonly guest: { readonly vmid: number; readonly name: string } }
  | { readonly sha: string };

/**
 * What the card of an applied run offers to go back to. Only the newest apply of a fleet offers it, for the time that old
 * root disks are retained: what came after it would be undone as well.
 * @param runs every run that is kept, oldest first
 * @param windowMs ROLLBACK_WINDOW, in milliseconds
 */
export function rollbackOffer(
  run: Run,
  runs: readonly Run[],
  { now, windowMs }: { readonly now: number; readonly windowMs: number },
): RollbackOffer | undefined {
  if (run.phase !== 'applied' || now >= run.endedAt + windowMs) return undefined;
  if (runs.findLast((one) => one.fleet === run.fleet && reachedApply(one))?.id !== run.id) return undefined;
  const changes = runnable(run.plan);
  const [first] = changes;
  if (first !== undefined && changes.length === 1 && retainsDisk(first)) {
    return { guest: { vmid: first.vmid, name: first.name } };
  }
  // A drift was brought back to the same commit, and an adoption changed nothing.
  if (run.trigger.kind === 'drift' || onlyGuest(run.plan.goal) !== undefined) return undefined;
  const sha = appliedBefore(run.fleet, runs, run.commit.sha);
  return sha === undefined ? undefined : { sha };
}

/** The newest commit of a fleet that was applied as a whole, other than this one. */
export function appliedBefore(fleet: string, runs: readonly Run[], sha: string | undefined): string | undefined {
  const isWhole = (run: Run): run is AppliedRun =>
    run.fleet === fleet && run.phase === 'applied' && onlyGuest(run.plan.goal) === undefined;
  return runs.filter(isWhole).findLast(({ commit }) => commit.sha !== sha)?.commit.sha;
}
