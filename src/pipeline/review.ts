import { errorFacts } from '../core/errors.ts';
import { onlyGuest } from '../core/goal.ts';
import type { Plan } from '../core/plan.ts';
import type { Review } from '../core/review.ts';
import type { Store } from '../store/store.ts';
import type { Fleet, Log } from './ports.ts';

/** What a review is made from. */
export interface ReviewPorts {
  readonly store: Store;
  readonly log: Log;
}

/** What the card of a plan says beside it. What cannot be told is left out and logged: it never ends a plan. */
export async function reviewOf(fleet: Fleet, plan: Plan, ports: ReviewPorts): Promise<Review> {
  const known = async <T>(what: string, ask: () => Promise<T | undefined>): Promise<T | undefined> => {
    try {
      return await ask();
    } catch (error) {
      ports.log.warn({ fleet: fleet.name, what, ...errorFacts(error) }, 'a part of a review could not be told');
      return undefined;
    }
  };
  const commits = await known('commits', () => commitsOf(fleet, plan, ports));
  return { ...(commits === undefined ? {} : { commits }) };
}

/** Of a plan for a single guest the commit is not what changes it. */
async function commitsOf(fleet: Fleet, { goal }: Plan, { store }: ReviewPorts): Promise<Review['commits']> {
  const { applied } = store.fleet(fleet.name);
  if (applied === undefined || applied === goal.commit.sha || onlyGuest(goal) !== undefined) return undefined;
  return fleet.git.commitsSince(applied, goal.commit.sha);
}
