import { driftDigest, isAcknowledged, onlyIgnored, withAcknowledged } from '../core/acknowledged-drift.ts';
import type { Commit } from '../core/commit.ts';
import { type Goal, onlyGuest, type RolledBackGuest, withKnown } from '../core/goal.ts';
import { createPlan, type Plan } from '../core/plan.ts';
import { rolledBackGuests } from '../core/rolled-back.ts';
import { isNamed, planOf, type Run } from '../core/run.ts';
import type { Store } from '../store/store.ts';
import { originIfKnown } from './commits.ts';
import { evaluateGoal, goalOf, outcomeOf, readFor } from './plan-run.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { ClusterQueues } from './queues.ts';
import { driftReviewOf } from './review.ts';
import type { Runs } from './runs.ts';

/** The result of a drift check. */
export type DriftFinding =
  /** There is no applied commit to compare with, or the queue is taken. */
  | { readonly kind: 'never-applied' | 'unknown-commit' | 'busy' }
  /** This run waits for a decision or in the queue, or its apply changed guests and did not finish. */
  | { readonly kind: 'open' | 'unfinished'; readonly runId: string }
  /**
   * Nothing differs but these guests, which were rolled back. `head`: the newest planned commit, where it is another one;
   * what it changes is no drift.
   */
  | {
      readonly kind: 'same';
      readonly commit: Commit;
      readonly rolledBack: readonly RolledBackGuest[];
      readonly head?: Commit;
    }
  /** The drift is acknowledged: it was shown before or is ignored. Never the result when a person asked. */
  | { readonly kind: 'known' }
  | { readonly kind: 'drift'; readonly runId: string };

/** Compares fleets with their last applied commit. Changes nothing: a drift becomes a plan that people decide about. */
export class DriftCheck {
  readonly #runs: Runs;
  readonly #queues: ClusterQueues;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(options: {
    readonly runs: Runs;
    readonly queues: ClusterQueues;
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#runs = options.runs;
    this.#queues = options.queues;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** @param asked a person asked: an acknowledged drift is shown as well */
  async check(fleet: Fleet, asked = false): Promise<DriftFinding> {
    const { applied } = this.#store.fleet(fleet.name);
    if (applied === undefined) return { kind: 'never-applied' };
    // Checked before the evaluation, which may take long, and again when this check holds the queue.
    const inTheWay = this.#inTheWay(fleet);
    if (inTheWay !== undefined) return inTheWay;
    const goal = await this.#goal(fleet, applied);
    if (goal === undefined) return { kind: 'unknown-commit' };
    const finding = await this.#queues.ifFree(fleet.clusterName, async () => {
      if (this.#store.fleet(fleet.name).applied !== applied) return undefined;
      return this.#inTheWay(fleet) ?? (await this.#compare(fleet, goal, asked));
    });
    return finding ?? { kind: 'busy' };
  }

  #inTheWay(fleet: Fleet): DriftFinding | undefined {
    if (this.#queues.queue(fleet.clusterName).length > 0) return { kind: 'busy' };
    // A preview waits for nothing: it may stay for days.
    const open = this.#runs.open(fleet.name).find((run) => run.phase !== 'previewed');
    if (open !== undefined) return { kind: 'open', runId: open.id };
    // After an interrupted apply nobody wants a plan back to the commit before: the next plan finishes the apply.
    const last = this.#runs.all().findLast((run) => run.fleet === fleet.name && changedGuests(run));
    return last === undefined || last.phase === 'applied' ? undefined : { kind: 'unfinished', runId: last.id };
  }

  /** The guests that the commit declares, from a stored run that evaluated it, otherwise evaluated anew. */
  async #goal(fleet: Fleet, sha: string): Promise<Goal | undefined> {
    const kept = this.#lastPlan(fleet, sha)?.goal;
    if (kept !== undefined) return goalOf(fleet, kept);
    const commit = await fleet.git.find(sha);
    if (commit === undefined) return undefined;
    try {
      return (await evaluateGoal(fleet, commit, { pin: 'drift' })).goal;
    } finally {
      await fleet.git.unpin('drift');
    }
  }

  async #compare(fleet: Fleet, applied: Goal, asked: boolean): Promise<DriftFinding> {
    const head = headOf(fleet, this.#runs.all(), applied);
    const wanted = withHead(applied, head);
    const live = await readFor(fleet, wanted);
    const ours = this.#runs.all().filter((run) => run.fleet === fleet.name);
    const rolledBack = rolledBackGuests(ours, live.guests);
    const withoutThem = rolledBack.length === 0 ? wanted : { ...wanted, rolledBack };
    const goal = withKnown(withoutThem, live, this.#store.fleet(fleet.name));
    const before = this.#lastPlan(fleet, goal.commit.sha);
    const plan = createPlan(goal, live, before);
    const now = this.#clock.now();
    const known = this.#store.fleet(fleet.name).acknowledgedDrifts ?? [];
    if (differsOnlyAsBefore(plan, this.#lastPlan(fleet, goal.commit.sha, false))) {
      const kept = onlyIgnored(known, now);
      if (kept.length !== known.length) await this.#store.saveFleet(fleet.name, { acknowledgedDrifts: kept });
      return { kind: 'same', commit: goal.commit, rolledBack, ...(head === undefined ? {} : { head: head.commit }) };
    }
    if (!asked && isAcknowledged(known, driftDigest(plan), now)) return { kind: 'known' };
    const event = outcomeOf(fleet, plan, this.#clock);
    const origin = await originIfKnown(fleet, goal.commit);
    const last = ours.findLast((run) => 'steps' in run && 'endedAt' in run);
    const since = last !== undefined && 'endedAt' in last ? last.endedAt : 0;
    const review = await driftReviewOf(fleet, plan, since, {
      ...{ store: this.#store, clock: this.#clock, log: this.#log },
    });
    const run = await this.#runs.start(fleet, { kind: 'drift' }, goal.commit, { event, review, ...origin });
    const drifts = withAcknowledged(known, { digest: driftDigest(plan) }, now);
    await this.#store.saveFleet(fleet.name, { acknowledgedDrifts: drifts });
    return { kind: 'drift', runId: run.id };
  }

  /** The newest plan for a commit in the store, with or without the plans of drift runs. */
  #lastPlan(fleet: Fleet, sha: string, drifts = true): Plan | undefined {
    const runs = this.#runs.all().filter((run) => run.fleet === fleet.name);
    const plans = runs.flatMap((run) => (drifts || run.trigger.kind !== 'drift' ? (planOf(run) ?? []) : []));
    return plans.findLast(({ goal }) => goal.commit.sha === sha && onlyGuest(goal) === undefined);
  }
}

/**
 * The goal of the head: of the newest commit of the branch that was planned for the whole fleet, or of a later apply.
 * `undefined` where that is the commit that was applied.
 */
export function headOf(fleet: Fleet, runs: readonly Run[], applied: Goal): Goal | undefined {
  const run = runs.findLast((one) => one.fleet === fleet.name && isOfHead(one));
  const goal = run === undefined || run.phase === 'applied' ? undefined : planOf(run)?.goal;
  return goal?.commit.sha === applied.commit.sha ? undefined : goal;
}

/** The goal of a drift: nothing in it goes against the head. */
export function withHead(applied: Goal, head: Goal | undefined): Goal {
  return head === undefined ? applied : { ...applied, head: head.guests };
}

function isOfHead(run: Run): boolean {
  if (['drift', 'adopt'].includes(run.trigger.kind)) return false;
  // From a commit that was in sync on, the drift is measured against it, unless an older plan stood for it.
  if (run.phase === 'in-sync') return run.standing === undefined && !isNamed(run);
  const goal = planOf(run)?.goal;
  if (goal === undefined || onlyGuest(goal) !== undefined) return false;
  // A commit that a person named is what the fleet shall be only when it was applied.
  return run.phase === 'applied' || !isNamed(run);
}

function changedGuests(run: Run): boolean {
  const goal = planOf(run)?.goal;
  if (!('steps' in run) || (goal !== undefined && onlyGuest(goal) !== undefined)) return false;
  return run.steps.some(({ step, state }) => 'vmid' in step && (state === 'done' || state === 'failed'));
}

/** Does the plan hold only changes that were blocked for the same reason when this commit was planned? */
function differsOnlyAsBefore(plan: Plan, before: Plan | undefined): boolean {
  return plan.changes.every(
    ({ vmid, blocked }) =>
      blocked !== undefined &&
      before?.changes.some((change) => change.vmid === vmid && change.blocked?.reason === blocked.reason) === true,
  );
}
