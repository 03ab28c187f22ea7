import { advance, hasEnded } from '../core/advance.ts';
import type { Change } from '../core/change.ts';
import type { Commit } from '../core/commit.ts';
import { type RollbackOffer, rollbackOffer } from '../core/rollback-offer.ts';
import {
  isPreview,
  type PlanningRun,
  planOf,
  type Run,
  type RunEvent,
  reachedApply,
  type Trigger,
} from '../core/run.ts';
import type { Store } from '../store/store.ts';
import type { Card } from '../views/card.ts';
import type { CardContext } from '../views/parts.ts';
import { endReply, expiryReply, runCard } from '../views/run-card.ts';
import type { Delivery } from './delivery.ts';
import type { ForgeReports } from './forge-reports.ts';
import type { Clock, Fleet, Log, Ports } from './ports.ts';
import type { ClusterQueues } from './queues.ts';

/** How long the card of a run is taken to be where people look. */
const inSightMs = 10 * 60_000;

const rootChanges: ReadonlySet<Change['action']> = new Set(['replace', 'rollback', 'destroy']);

/** Replaces the id of another fleet's run: `waits for run of another fleet`. */
const elsewhere = 'of another fleet';

/** Events that only report progress: they are shown and not saved. */
type PassingEvent = Extract<RunEvent, { type: 'progress' | 'output' | 'progressed' }>;
type LastingEvent = Exclude<RunEvent, PassingEvent>;

/** An event, and what must succeed before the event is saved. */
interface Move {
  readonly event: LastingEvent;
  readonly first?: () => Promise<void>;
}

/** Facts about a run that are known when it begins. */
interface Start extends Pick<Run, 'ref' | 'offBranch' | 'review'> {
  /** The event that is applied at once when the run begins. */
  readonly event?: LastingEvent;
}

interface Live {
  run: Run;
  /** Saved events of one run are applied one after the other. */
  last: Promise<unknown>;
}

/** Holds the one live object of each run. Every event goes through here: it is saved, then shown. */
export class Runs {
  readonly #fleets: readonly Fleet[];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #queues: ClusterQueues;
  readonly #delivery: Delivery;
  readonly #reports: ForgeReports;
  readonly #live = new Map<string, Live>();

  constructor(
    ports: Ports,
    parts: { readonly queues: ClusterQueues; readonly delivery: Delivery; readonly reports: ForgeReports },
  ) {
    const { fleets, store, clock, log } = ports;
    this.#fleets = fleets;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#queues = parts.queues;
    this.#delivery = parts.delivery;
    this.#reports = parts.reports;
    for (const { run } of store.runs()) this.#live.set(run.id, { run, last: Promise.resolve() });
  }

  /** Every run in the store, oldest first. */
  all(): readonly Run[] {
    return [...this.#live.values()].map(({ run }) => run);
  }

  get(id: string): Run | undefined {
    return this.#live.get(id)?.run;
  }

  /** The runs of a fleet that have not ended, oldest first. */
  open(fleet: string): readonly Run[] {
    return this.all().filter((run) => run.fleet === fleet && !hasEnded(run));
  }

  /**
   * The run ids in the queue of a fleet's cluster, the current run first. The id of a run of another fleet is not
   * shown.
   */
  queue(fleet: Fleet): readonly string[] {
    const queue = this.#queues.queue(fleet.clusterName);
    return queue.map(({ runId, fleet: name }) => (name === fleet.name ? runId : elsewhere));
  }

  /** The guests whose root disks later runs changed, or which they destroyed. */
  #changedSince(run: Run): readonly number[] {
    if (run.phase !== 'applied') return [];
    const all = this.all();
    const later = all.slice(all.findIndex(({ id }) => id === run.id) + 1).filter(({ fleet }) => fleet === run.fleet);
    const changes = later.flatMap((one) => (reachedApply(one) ? (planOf(one)?.changes ?? []) : []));
    return changes.filter((change) => rootChanges.has(change.action)).map(({ vmid }) => vmid);
  }

  /** What the button of an applied run goes back to now; `undefined` where it has none. */
  rollbackOf(run: Run): RollbackOffer | undefined {
    const windowMs = this.#fleetOf(run)?.rollbackWindowMs ?? 0;
    return rollbackOffer(run, this.all(), { now: this.#clock.now(), windowMs });
  }

  /** Begins a run for a commit: saved, then shown. */
  async start(fleet: Fleet, trigger: Trigger, commit: Commit, { event, ...origin }: Start = {}): Promise<Run> {
    const planning: PlanningRun = {
      phase: 'planning',
      id: this.#newId(),
      fleet: fleet.name,
      branch: fleet.branch,
      trigger,
      startedAt: this.#clock.now(),
      activity: 'waiting',
      commit,
      ...origin,
    };
    const run = event === undefined ? planning : advance(planning, event);
    const live: Live = { run, last: Promise.resolve() };
    this.#live.set(run.id, live);
    const before = this.#saysTheSame(run);
    try {
      await this.#store.saveRun(run);
      if (before !== undefined) await this.#store.moveMessages(before, run.id);
    } catch (error) {
      this.#live.delete(run.id);
      throw error;
    }
    if (before !== undefined) this.#delivery.takeOver(before, run.id, run.fleet);
    this.#show(live);
    if (hasEnded(run)) this.#end(live);
    return run;
  }

  /**
   * Applies an event to a run: the next state is saved, then shown. `decide` gets the run when its turn comes, so only
   * one of two presses at the same time succeeds. A refusal of `decide` is returned. `first` runs before the save; when
   * it fails, the run does not change.
   * @throws IllegalTransition when the run does not take the event
   */
  async decide<Refused>(
    id: string,
    decide: (run: Run) => Move | { readonly refused: Refused },
  ): Promise<{ readonly run: Run } | { readonly refused: Refused }> {
    const live = this.#get(id);
    const turn = live.last.then(async () => {
      const decision = decide(live.run);
      if ('refused' in decision) return decision;
      await decision.first?.();
      const before = live.run;
      const after = advance(before, decision.event);
      await this.#save(after, before);
      // The event is applied to the current object, so progress that arrived during the write is not lost.
      live.run = live.run === before ? after : advance(live.run, decision.event);
      this.#show(live);
      if (hasEnded(live.run)) this.#end(live);
      return { run: live.run };
    });
    live.last = turn.catch(() => undefined);
    return turn;
  }

  /** Applies an event that the run must take. */
  async apply(id: string, event: LastingEvent): Promise<Run> {
    const decided = await this.decide<never>(id, () => ({ event }));
    if ('refused' in decided) throw new Error('an event that must not be refused was refused');
    return decided.run;
  }

  /**
   * Ends a run as failed, even when the end cannot be saved: the card must not show work that has stopped. A restart
   * recovers the run from the state on disk.
   * @returns false when `unless` held in the run's turn, or the run had ended already
   */
  async fail(
    id: string,
    event: Extract<RunEvent, { type: 'failed' }>,
    unless: (run: Run) => boolean = () => false,
  ): Promise<boolean> {
    try {
      const decided = await this.decide(id, (run) =>
        hasEnded(run) || unless(run) ? { refused: 'ended' as const } : { event },
      );
      return !('refused' in decided);
    } catch (error) {
      this.#log.error({ run: id, err: error }, 'the end of a run could not be saved');
      const live = this.#get(id);
      live.run = advance(live.run, event);
      this.#show(live);
      this.#end(live);
      return true;
    }
  }

  /** Reports progress: it is shown and not saved. Progress that arrives after the run has ended is dropped. */
  note(id: string, event: PassingEvent): void {
    const live = this.#get(id);
    if (hasEnded(live.run)) return;
    try {
      live.run = advance(live.run, event);
    } catch (error) {
      this.#log.debug({ run: id, err: error }, 'progress came too late');
      return;
    }
    this.#show(live);
  }

  /** Does a later run show its card in the message of this one, because it found the same? */
  gaveItsMessage(id: string): boolean {
    return this.all().some((run) => this.#saysTheSame(run) === id);
  }

  /** Shows a run's card again: after a restart, or when something around it changed. */
  refresh(id: string): void {
    const live = this.#get(id);
    this.#show(live);
  }

  /** Replies in the thread that a plan is about to expire: a reply notifies people, an edit does not. */
  warn(id: string): void {
    const live = this.#get(id);
    const { run } = live;
    if (run.phase === 'planned') this.#delivery.reply(id, run.fleet, expiryReply(run));
  }

  /** Replies in the thread of a run with a card of its own. */
  reply(id: string, card: Card): void {
    this.#delivery.reply(id, this.#get(id).run.fleet, card);
  }

  /**
   * The run before this one, where it found the same commit in sync a moment ago: a person who asks for a plan again gets
   * the same card again, not another one.
   */
  #saysTheSame({ id, fleet, commit, ref, trigger, startedAt }: Run): string | undefined {
    if (trigger.kind !== 'command' && trigger.kind !== 'plan-again') return undefined;
    const runs = this.all();
    const earlier = runs.slice(
      0,
      runs.findIndex((run) => run.id === id),
    );
    const before = earlier.findLast((run) => run.fleet === fleet && !isPreview(run));
    if (before?.phase !== 'in-sync' || before.trigger.kind === 'drift') return undefined;
    // A plan that is found now would stand far above what people read.
    if (startedAt - before.endedAt > inSightMs) return undefined;
    return before.commit?.sha === commit?.sha && before.ref === ref ? before.id : undefined;
  }

  /** Draws the card when a chat is ready to show it, so that it has the newest facts; and tells the forge. */
  #show({ run }: Live): void {
    this.#reports.report(run, this.all());
    this.#delivery.show(run.id, run.fleet, () => this.card(run));
  }

  /** The card of a run as it is now. */
  card(run: Run): Card {
    return runCard(run, this.#contextOf(run));
  }

  #contextOf(run: Run): CardContext {
    const fleet = this.#fleetOf(run);
    const { lock, applied } = this.#store.fleet(run.fleet);
    const queue = fleet === undefined ? [] : this.queue(fleet);
    const rollback = this.rollbackOf(run);
    const behind = queue[0] === run.id || !queue.includes(run.id) ? undefined : queue[0];
    return {
      repository: fleet?.repository ?? run.fleet,
      policy: fleet?.policy ?? { approvers: [], allowOtherBranches: false },
      now: this.#clock.now(),
      rollbackWindowMs: fleet?.rollbackWindowMs ?? 0,
      ...(fleet?.webUrl === undefined ? {} : { webUrl: fleet.webUrl }),
      ...(fleet?.pullUrl === undefined ? {} : { pullUrl: fleet.pullUrl }),
      ...(lock === undefined ? {} : { lock }),
      ...(applied === undefined ? {} : { applied }),
      ...(behind === undefined ? {} : { behind }),
      changedSince: this.#changedSince(run),
      ...(rollback === undefined ? {} : { rollback }),
    };
  }

  #end({ run }: Live): void {
    // The newest apply alone offers a rollback.
    const before = this.all().findLast(
      (one) => one.fleet === run.fleet && one.phase === 'applied' && one.id !== run.id,
    );
    if (before !== undefined && reachedApply(run)) this.refresh(before.id);
    const card = endReply(run);
    if (card !== undefined) this.#delivery.reply(run.id, run.fleet, card);
    // The commit of a run that has ended need not stay pinned.
    this.#fleetOf(run)
      ?.git.unpin(run.id)
      .catch((error: unknown) => {
        this.#log.warn({ run: run.id, err: error }, 'the commit of a run could not be unpinned');
      });
    // Runs that the store no longer keeps are forgotten here as well.
    const kept = new Set(this.#store.runs().map((saved) => saved.run.id));
    for (const id of this.#live.keys()) if (!kept.has(id)) this.#forget(id);
  }

  #forget(id: string): void {
    this.#live.delete(id);
    this.#delivery.forget(id);
  }

  async #save(run: Run, before: Run): Promise<void> {
    try {
      await this.#store.saveRun(run);
    } catch (error) {
      // An event that is not on disk did not happen, so the store must not write it later with another one.
      await this.#store.saveRun(before).catch(() => undefined);
      throw error;
    }
  }

  #fleetOf(run: Run): Fleet | undefined {
    return this.#fleets.find((fleet) => fleet.name === run.fleet);
  }

  #get(id: string): Live {
    const live = this.#live.get(id);
    if (live === undefined) throw new Error(`there is no run ${id}`);
    return live;
  }

  #newId(): string {
    const numbers = [...this.#live.keys()].map((id) => Number(id.slice(2)));
    return `r-${Math.max(this.#store.setAside?.highestRun ?? 0, ...numbers) + 1}`;
  }
}
