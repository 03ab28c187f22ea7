import type { Commit } from '../core/commit.ts';
import { errorFacts, UserError } from '../core/errors.ts';
import { belongsTo, onlyGuest, ownerOf } from '../core/goal.ts';
import { didYouMean } from '../core/nearest.ts';
import { branchRefusal, type Circumstances, needsBranch } from '../core/policy.ts';
import { appliedBefore } from '../core/rollback-offer.ts';
import type { PlannedRun, QueuedRun, Run } from '../core/run.ts';
import type { Store } from '../store/store.ts';
import type { Fleet, Log } from './ports.ts';

/** The name under which the last applied commit is pinned; later commits are compared with it. */
export const appliedPin = 'applied';

/**
 * The facts that a run holds about a named commit: the name, and whether the commit is on the branch. Rejects when git
 * cannot tell.
 */
export async function originOf(fleet: Fleet, { sha }: Commit, ref?: string): Promise<Pick<Run, 'ref' | 'offBranch'>> {
  const onBranch = await fleet.git.isOnBranch(sha);
  return {
    ...(ref === undefined || ref === fleet.branch ? {} : { ref }),
    ...(onBranch ? {} : { offBranch: true }),
  };
}

/**
 * The same for a run that begins whether git answers or not: a drift, a rollback of one guest. Its card then does not
 * say where the commit is, and an approval that needs the branch asks git again.
 */
export async function originIfKnown(fleet: Fleet, commit: Commit): Promise<Pick<Run, 'offBranch'>> {
  return originOf(fleet, commit).catch(() => ({ offBranch: 'unknown' }));
}

/** The origin of a plan's commit, for the fleet's policy: whether it is on the branch, and who wrote it. */
export async function provenanceOf(
  fleet: Fleet,
  { plan }: PlannedRun,
  { log, store, runs }: { readonly log: Log; readonly store: Store; readonly runs: readonly Run[] },
): Promise<Pick<Circumstances, 'onBranch' | 'authorship'>> {
  const { goal } = plan;
  const { sha } = goal.commit;
  const ifKnown = async <T>(answer: Promise<T>): Promise<T | undefined> => {
    try {
      return await answer;
    } catch (error) {
      log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'git could not tell where a commit comes from');
      return undefined;
    }
  };
  const [onBranch, authorship] = await Promise.all([
    needsBranch(goal, fleet.policy) ? ifKnown(fleet.git.isOnBranch(sha)) : true,
    fleet.policy.authorMayApprove ? undefined : ifKnown(fleet.git.authors(sha, lastApplied(fleet, store, runs))),
  ]);
  return { onBranch, authorship };
}

/**
 * Refuses to apply a commit that is no longer on the fleet's branch. Fetches the branch first, because a force push may
 * have come after the approval. While the git server is down, the last fetched branch counts.
 * @throws UserError
 */
export async function refuseOtherBranch(fleet: Fleet, { plan }: QueuedRun, log: Log): Promise<void> {
  const { goal } = plan;
  if (!needsBranch(goal, fleet.policy)) return;
  await fleet.git.head().catch((error: unknown) => {
    log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'the branch could not be fetched before an apply');
  });
  const onBranch = await fleet.git.isOnBranch(goal.commit.sha).catch((error: unknown) => {
    log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'git could not tell where a commit comes from');
    return undefined;
  });
  const refusal = branchRefusal(fleet.branch, goal.commit.sha, onBranch);
  if (refusal !== undefined) throw new UserError(refusal.text);
}

/**
 * The commit of the last apply of the whole fleet. A run that ended in sync had no approval, so its commit counts only
 * when no apply is known.
 */
function lastApplied(fleet: Fleet, store: Store, runs: readonly Run[]): string | undefined {
  const last = runs.findLast(
    (run) => run.fleet === fleet.name && run.phase === 'applied' && onlyGuest(run.plan.goal) === undefined,
  );
  return last?.commit?.sha ?? store.fleet(fleet.name).applied;
}

/**
 * The target of a rollback. With `vmid`, that guest goes back to its previous root disk; otherwise the fleet goes back
 * to the commit.
 */
export interface RollbackTarget {
  readonly commit: Commit;
  readonly vmid?: number;
}

/**
 * The target that a person names in a rollback: a guest by name or VMID, otherwise a branch, tag or hash. Without a
 * name it is the commit applied before the last one.
 */
export async function findRollback(
  fleet: Fleet,
  to: string | undefined,
  { store, runs }: { readonly store: Store; readonly runs: readonly Run[] },
): Promise<RollbackTarget> {
  const { applied } = store.fleet(fleet.name);
  if (to === undefined) return { commit: await find(fleet, earlierCommit(fleet, runs, applied)) };
  const ours = (await fleet.cluster.list()).filter((guest) => belongsTo(ownerOf(fleet), guest.tags));
  const guest = ours.find((one) => one.name === to || String(one.vmid) === to);
  // The guest's settings come from the last applied commit, or from the head of the branch when nothing was applied.
  if (guest !== undefined) {
    const commit = applied === undefined ? await fleet.git.head() : await find(fleet, applied);
    return { commit, vmid: guest.vmid };
  }
  const commit = await fleet.git.find(to);
  if (commit !== undefined) return { commit };
  const names = ours.map((one) => one.name);
  throw new UserError(`There is no guest and no commit "${to.slice(0, 80)}"${didYouMean(to, names) || '.'}`, {
    next: 'Name a guest of the fleet, or a branch, a tag or a hash.',
  });
}

function earlierCommit(fleet: Fleet, runs: readonly Run[], applied: string | undefined): string {
  const earlier = appliedBefore(fleet.name, runs, applied);
  if (earlier !== undefined) return earlier;
  throw new UserError('No earlier commit is known that was applied.', {
    next: 'Say where to go back to: a guest by its name, or a commit by its hash.',
  });
}

async function find(fleet: Fleet, sha: string): Promise<Commit> {
  const commit = await fleet.git.find(sha);
  if (commit !== undefined) return commit;
  throw new UserError(`The repository has no commit ${sha.slice(0, 12)} any more.`, {
    next: 'Name a branch, a tag or a hash.',
  });
}
