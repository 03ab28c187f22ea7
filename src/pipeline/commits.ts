import type { Commit } from '../core/commit.ts';
import { errorFacts, UserError } from '../core/errors.ts';
import { belongsTo, onlyGuest, ownerOf } from '../core/goal.ts';
import { didYouMean } from '../core/nearest.ts';
import { branchRefusal, type Circumstances, needsBranch } from '../core/policy.ts';
import type { PlannedRun, QueuedRun, Run } from '../core/run.ts';
import type { Store } from '../store/store.ts';
import type { Fleet, Log } from './ports.ts';

/** The name under which the commit that was applied last is kept: what came since is told from it. */
export const appliedPin = 'applied';

/**
 * What a run says of a commit that is not taken as the head of the branch: what somebody named, and whether it is on the
 * branch. Rejects when git cannot tell.
 */
export async function originOf(fleet: Fleet, { sha }: Commit, ref?: string): Promise<Pick<Run, 'ref' | 'offBranch'>> {
  const onBranch = await fleet.git.isOnBranch(sha);
  return {
    ...(ref === undefined || ref === fleet.branch ? {} : { ref }),
    ...(onBranch ? {} : { offBranch: true }),
  };
}

/** Where the commit of a plan comes from, as its policy must know it: on the branch or not, and who wrote it. */
export async function provenanceOf(
  fleet: Fleet,
  { plan }: PlannedRun,
  { log, store, runs }: { readonly log: Log; readonly store: Store; readonly runs: readonly Run[] },
): Promise<Pick<Circumstances, 'onBranch' | 'authorship'>> {
  const { goal } = plan;
  const { sha } = goal.commit;
  const told = async <T>(answer: Promise<T>): Promise<T | undefined> => {
    try {
      return await answer;
    } catch (error) {
      log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'git could not tell where a commit comes from');
      return undefined;
    }
  };
  const [onBranch, authorship] = await Promise.all([
    needsBranch(goal, fleet.policy) ? told(fleet.git.isOnBranch(sha)) : true,
    fleet.policy.authorMayApprove ? undefined : told(fleet.git.authors(sha, lastApplied(fleet, store, runs))),
  ]);
  return { onBranch, authorship };
}

/**
 * Refuses to apply a commit that is not on the fleet's branch any more. The branch is fetched before: a force push may have
 * come since the approval. While the server is down, the branch as it was fetched last answers.
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
 * The commit of the last whole apply. What was found in sync later was approved by nobody, so it counts only where no
 * apply is known.
 */
function lastApplied(fleet: Fleet, store: Store, runs: readonly Run[]): string | undefined {
  const last = runs.findLast(
    (run) => run.fleet === fleet.name && run.phase === 'applied' && onlyGuest(run.plan.goal) === undefined,
  );
  return last?.commit?.sha ?? store.fleet(fleet.name).applied;
}

/** Where to go back to: with `vmid` the one guest to the root disk it had before, else the fleet to the commit. */
export interface RollbackTarget {
  readonly commit: Commit;
  readonly vmid?: number;
}

/**
 * What somebody means who asks to roll back: a guest by its name or VMID, else a branch, tag or hash, and with nothing
 * said the commit that was applied before the last one.
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
  // What the guest shall be besides its disk is what was applied; where nothing was, what the flake wants now.
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
  const whole = runs.filter(
    (run) => run.fleet === fleet.name && run.phase === 'applied' && onlyGuest(run.plan.goal) === undefined,
  );
  const earlier = whole.findLast((run) => run.commit?.sha !== applied)?.commit;
  if (earlier !== undefined) return earlier.sha;
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
