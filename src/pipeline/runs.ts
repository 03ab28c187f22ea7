import type { MessageRef } from '../chat/chat.ts';
import { advance, hasEnded } from '../core/advance.ts';
import type { Commit } from '../core/commit.ts';
import type { PlannedRun, PlanningRun, Run, RunEvent, Trigger } from '../core/run.ts';
import type { Store } from '../store/store.ts';
import type { CardContext } from '../views/context.ts';
import { endReply, expiryReply } from '../views/replies.ts';
import { runCard } from '../views/run-card.ts';
import type { Delivery } from './delivery.ts';
import type { Clock, Fleet, Log } from './deps.ts';

/** Events that only paint progress: shown, never worth a write to disk. */
type PassingEvent = Extract<RunEvent, { type: 'progress' | 'output' | 'progressed' }>;
type LastingEvent = Exclude<RunEvent, PassingEvent>;

/** What happens to a run next. */
interface Move {
  readonly event: LastingEvent;
  readonly first?: () => Promise<void>;
}

/** What more is known of a run as it begins. */
interface Start extends Pick<Run, 'ref' | 'offBranch'> {
  /** What has happened to it by then. */
  readonly event?: LastingEvent;
}

interface Live {
  run: Run;
  messages: MessageRef;
  /** Lasting events of one run wait for each other. */
  last: Promise<unknown>;
}

/** The one live object per run: every event goes through here, is saved, then shown. */
export class Runs {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #live = new Map<string, Live>();
  readonly #onEnded: (run: Run) => void;
  readonly #onForgotten: (id: string) => void;
  readonly #show: (run: Run, messages: MessageRef) => void;
  readonly #reply: (run: Run, messages: MessageRef) => void;
  readonly #warn: (run: PlannedRun, messages: MessageRef) => void;

  constructor(options: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Log;
    readonly reporter: Delivery;
    readonly contextOf: (run: Run) => CardContext;
    /** Called once when a run has ended and that is saved. */
    readonly onEnded: (run: Run) => void;
  }) {
    const { store, clock, log, reporter, contextOf, onEnded } = options;
    this.#onEnded = onEnded;
    this.#onForgotten = (id) => reporter.forget(id);
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#show = (run, messages) => reporter.show(run.id, run.fleet, () => runCard(run, contextOf(run)), messages);
    this.#reply = (run, messages) => {
      const card = endReply(run);
      if (card !== undefined) reporter.reply(run.id, run.fleet, card, messages);
    };
    this.#warn = (run, messages) => reporter.reply(run.id, run.fleet, expiryReply(run), messages);
    for (const { run, messages } of store.runs()) this.#live.set(run.id, { run, messages, last: Promise.resolve() });
  }

  /** Every run that is kept, oldest first. */
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
    const live: Live = { run, messages: {}, last: Promise.resolve() };
    this.#live.set(run.id, live);
    try {
      await this.#store.saveRun({ run, messages: {} });
    } catch (error) {
      this.#live.delete(run.id);
      throw error;
    }
    this.#show(run, live.messages);
    if (hasEnded(run)) this.#end(live);
    return run;
  }

  /**
   * Moves a run: the next state is saved, then shown. `decide` sees the run as it is when its turn comes, so two presses
   * at once cannot both win; what it answers instead of an event is handed back. `first` is done before anything is
   * saved: when it fails, nothing happened.
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
      const next = advance(before, decision.event);
      await this.#save(live, next, before);
      // Progress that was noted during the write is not lost: the event is applied to what is there now.
      live.run = live.run === before ? next : advance(live.run, decision.event);
      this.#show(live.run, live.messages);
      if (hasEnded(live.run)) this.#end(live);
      return { run: live.run };
    });
    live.last = turn.catch(() => undefined);
    return turn;
  }

  /** Moves a run by an event that must fit. */
  async apply(id: string, event: LastingEvent): Promise<Run> {
    const moved = await this.decide<never>(id, () => ({ event }));
    if ('refused' in moved) throw new Error('an event was refused that nobody may refuse');
    return moved.run;
  }

  /**
   * Ends a run as failed, also when that cannot be saved: the card must not say that work goes on. A restart looks into
   * what is on disk. @returns false when `unless` held in the run's turn, or the run was over already
   */
  async fail(
    id: string,
    event: Extract<RunEvent, { type: 'failed' }>,
    unless: (run: Run) => boolean = () => false,
  ): Promise<boolean> {
    try {
      const moved = await this.decide(id, (run) =>
        hasEnded(run) || unless(run) ? { refused: 'moved on' as const } : { event },
      );
      return !('refused' in moved);
    } catch (error) {
      this.#log.error({ run: id, err: error }, 'the end of a run could not be saved');
      const live = this.#get(id);
      live.run = advance(live.run, event);
      this.#show(live.run, live.messages);
      this.#end(live);
      return true;
    }
  }

  /** Paints progress: shown, not saved. Late progress of a run that has moved on is dropped. */
  note(id: string, event: PassingEvent): void {
    const live = this.#get(id);
    if (hasEnded(live.run)) return;
    try {
      live.run = advance(live.run, event);
    } catch (error) {
      this.#log.debug({ run: id, err: error }, 'progress came too late');
      return;
    }
    this.#show(live.run, live.messages);
  }

  /** Shows a run's card again: after a restart, or when something around it changed. */
  refresh(id: string): void {
    const live = this.#get(id);
    this.#show(live.run, live.messages);
  }

  /** Says in the thread that a plan is about to expire: a reply notifies, an edit does not. */
  warn(id: string): void {
    const live = this.#get(id);
    if (live.run.phase === 'planned') this.#warn(live.run, live.messages);
  }

  /** Remembers where a run is shown. */
  async shown(id: string, ref: MessageRef): Promise<void> {
    const live = this.#live.get(id);
    if (live === undefined) return;
    live.messages = { ...live.messages, ...ref };
    // In its turn, or the older state would go over the one that is just being written.
    const turn = live.last.then(() => this.#store.saveRun({ run: live.run, messages: live.messages }));
    live.last = turn.catch(() => undefined);
    await turn;
  }

  #end({ run, messages }: Live): void {
    this.#reply(run, messages);
    this.#onEnded(run);
    // What the store has let go is forgotten here as well.
    const kept = new Set(this.#store.runs().map((saved) => saved.run.id));
    for (const id of this.#live.keys()) if (!kept.has(id)) this.#forget(id);
  }

  #forget(id: string): void {
    this.#live.delete(id);
    this.#onForgotten(id);
  }

  async #save(live: Live, next: Run, before: Run): Promise<void> {
    try {
      await this.#store.saveRun({ run: next, messages: live.messages });
    } catch (error) {
      // What is not on disk did not happen; the store must not write it later on the side.
      await this.#store.saveRun({ run: before, messages: live.messages }).catch(() => undefined);
      throw error;
    }
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
