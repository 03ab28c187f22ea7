import type { Change } from './change.ts';
import type { Commit } from './commit.ts';
import type { DesiredGuest } from './guest.ts';

/** What a plan is for. It travels with the plan, so the plan can be made again from it without evaluating anything. */
export interface Goal {
  readonly fleet: string;
  readonly commit: Commit;
  readonly guests: readonly DesiredGuest[];
}

/** The difference between a goal and the live cluster. */
export interface Plan {
  /** `p-` and the first six digits of the digest: what people read. */
  readonly id: string;
  /** Hash over the goal and the basis of every guest touched. An approval is for one digest. */
  readonly digest: string;
  /** The same without the commit: equal for a push that changes no planned value. */
  readonly changesDigest: string;
  readonly goal: Goal;
  /** In the order in which people read them: destroys first. */
  readonly changes: readonly Change[];
}
