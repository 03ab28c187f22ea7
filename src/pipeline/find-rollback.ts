import type { Commit } from '../core/commit.ts';
import { UserError } from '../core/errors.ts';
import { onlyGuest, ownerOf } from '../core/goal.ts';
import { didYouMean } from '../core/nearest.ts';
import { belongsTo } from '../core/ownership.ts';
import type { Run } from '../core/run.ts';
import type { Store } from '../store/store.ts';
import type { Fleet } from './ports.ts';

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
  const goal = ownerOf(fleet);
  const ours = (await fleet.cluster.list()).filter((guest) => belongsTo(goal, guest.tags));
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
