import type { Answer } from '../chat/chat.ts';
import { hasEnded } from '../core/advance.ts';
import type { PushEvent } from '../core/commit.ts';
import { UserError } from '../core/errors.ts';
import { type Actor, type Lock, mayView } from '../core/policy.ts';
import type { Run, Trigger, Who } from '../core/run.ts';
import { storeCard } from '../views/announcements.ts';
import type { FleetStatus } from '../views/answer-cards.ts';
import { Access, type Opened, ShownPlans, type Wish } from './access.ts';
import { findRollback, originOf } from './commits.ts';
import { type Decision, Decisions } from './decisions.ts';
import { cleanAnswer, Delivery } from './delivery.ts';
import type { DriftFinding } from './drift-check.ts';
import { type Intervals, Maintenance } from './maintenance.ts';
import type { Fleet, Ports } from './ports.ts';
import { ClusterQueues } from './queues.ts';
import { Runs } from './runs.ts';
import { readStatus } from './status.ts';
import { PushWatcher, Work } from './work.ts';

/** How long ago a run may have ended to be shown again at the start. */
const recentMs = 24 * 60 * 60_000;

/** The story: from a push to the final tags. Everything that chats, webhooks and the command line ask for comes here. */
export class Pipeline {
  readonly #ports: Ports;
  readonly #shown = new ShownPlans();
  readonly #queues = new ClusterQueues();
  readonly #delivery: Delivery;
  readonly #runs: Runs;
  readonly #work: Work;
  readonly #decisions: Decisions;
  readonly #access: Access;
  readonly #watcher: PushWatcher;
  readonly #maintenance: Maintenance;

  constructor(ports: Ports) {
    this.#ports = ports;
    const queues = this.#queues;
    this.#delivery = new Delivery(ports, { shown: this.#shown });
    const delivery = this.#delivery;
    const runs = new Runs(ports, { queues, delivery });
    this.#runs = runs;
    this.#work = new Work(ports, runs, queues);
    this.#decisions = new Decisions({ ...ports, runs, shown: this.#shown });
    this.#access = new Access(ports);
    this.#watcher = new PushWatcher(ports, { work: this.#work });
    this.#maintenance = new Maintenance(ports, { runs, queues, delivery });
  }

  /**
   * Takes up what an earlier process left: open plans stay open, approved runs go on waiting for their turn, and an
   * apply that was cut off is looked into and ends as interrupted, followed by a fresh plan.
   */
  async start(): Promise<void> {
    const since = this.#ports.clock.now() - recentMs;
    for (const run of this.#runs.all()) {
      if (!hasEnded(run)) this.#takeUp(run);
      // Its end may not have come to a chat that was down.
      else if ('endedAt' in run && run.endedAt > since) this.#runs.refresh(run.id);
    }
    this.#tellOfDamage();
    this.#maintenance.start();
  }

  /** Stops at the next safe place: what is being applied is finished, nothing new begins, cards are shown. */
  async stop(): Promise<void> {
    const maintenance = this.#maintenance.stop();
    // What waits is on disk, and taken up at the next start.
    this.#queues.close();
    await this.#watcher.stop();
    await maintenance;
    await this.#queues.idle();
    await this.#delivery.flush();
  }

  /** Resolves when nothing is planned, applied or waiting to be shown. */
  async idle(): Promise<void> {
    await this.#queues.idle();
    await this.#delivery.flush();
  }

  /** A forge reports a push. @returns whether it concerns one of the fleets; the rest happens later. */
  push(event: PushEvent): 'accepted' | 'ignored' {
    const meant = this.#ports.fleets.filter(
      (fleet) => fleet.repository === event.repository && event.ref === `refs/heads/${fleet.branch}`,
    );
    if (meant.length === 0 || event.after === undefined) return 'ignored';
    for (const fleet of meant) this.#watcher.pushed(fleet);
    return 'accepted';
  }

  /** Looks at every fleet's repository on an interval, beginning now. */
  poll(everyMs: number): void {
    for (const fleet of this.#ports.fleets) {
      void this.#watcher.look(fleet, 'poll');
      this.#watcher.poll(fleet, everyMs);
    }
  }

  /** Sees to the clusters on intervals: that they are as they were left, and that nothing is kept for ever. */
  keepUp(intervals: Intervals): void {
    this.#maintenance.begin(intervals);
  }

  /** Compares a fleet with what was last applied to it, now: somebody asks. */
  drift(fleet: Fleet): Promise<DriftFinding> {
    return this.#maintenance.drift(fleet);
  }

  /**
   * Counts an ask of a person and finds the fleets that it may be about: those that are shown in this place, where they may
   * do this. @param what the command or button; `run`: the one that it names
   */
  open(actor: Actor, wish: Wish, what: string, run?: string): Promise<Opened> {
    const named = this.fleets().filter((fleet) => fleet.name === this.run(run ?? '')?.fleet);
    return this.#access.open(actor, named.length === 0 ? this.fleets() : named, wish, what, run);
  }

  /** The fleets that a person may read about here. Counts nothing: for suggestions. */
  visible(actor: Actor): readonly Fleet[] {
    return this.fleets().filter((fleet) => mayView(actor, fleet.policy) === undefined);
  }

  /** A person is answered with the plan of a run. */
  answeredWithPlan(actor: Actor, runId: string, planId: string): void {
    this.#shown.onAnswer(actor, runId, planId);
  }

  /** The plan of a run that a person was shown last; `undefined` when that cannot be told. */
  shownPlan(actor: Actor, runId: string): string | undefined {
    return this.#shown.last(actor, runId);
  }

  /** Plans a fleet at the head of its branch, or at a ref of its repository. @returns the new run. */
  async plan(fleet: Fleet, trigger: Trigger, ref?: string): Promise<Run> {
    if (ref === undefined) return this.#work.begin(fleet, trigger, await fleet.git.head());
    const commit = await fleet.git.find(ref);
    if (commit === undefined) {
      throw new UserError(`The repository has no commit "${ref}".`, { next: 'Name a branch, a tag or a hash.' });
    }
    return this.#work.begin(fleet, trigger, commit, await originOf(fleet, commit, ref));
  }

  /** Plans to take over a guest that the flake wants, at the head of the branch. @returns the new run. */
  async adopt(fleet: Fleet, guest: string, by: Who): Promise<Run> {
    return this.#work.beginAlone(fleet, { kind: 'adopt', by, guest }, await fleet.git.head());
  }

  /** Plans to go back: `to` is a guest or a commit, absent the commit applied before. @returns the new run. */
  async rollback(fleet: Fleet, to: string | undefined, by: Who): Promise<Run> {
    const { commit, vmid } = await findRollback(fleet, to, { store: this.#ports.store, runs: this.#runs.all() });
    const trigger: Trigger = { kind: 'rollback', by, ...(vmid === undefined ? {} : { vmid }) };
    // What is done to one guest alone applies nothing of the commit.
    const origin = vmid === undefined ? await originOf(fleet, commit, to) : {};
    return this.#work.beginAlone(fleet, trigger, commit, origin);
  }

  /**
   * @param planId the plan they mean; `undefined`: the one that they were shown last
   * @param typed what was typed into the destructive confirmation
   */
  async approve(runId: string, planId: string | undefined, actor: Actor, typed?: string): Promise<Answer> {
    return this.#decide(runId, actor, async (fleet) => {
      const decision = await this.#decisions.approve(fleet, runId, planId, actor, typed);
      if (decision.begins) this.#work.apply(fleet, runId);
      return decision;
    });
  }

  async reject(runId: string, planId: string | undefined, actor: Actor, reason?: string): Promise<Answer> {
    return this.#decide(runId, actor, (fleet) => this.#decisions.reject(fleet, runId, planId, actor, reason));
  }

  /** The form that asks why a plan is rejected. */
  async askReason(runId: string, planId: string, actor: Actor): Promise<Answer> {
    return this.#decide(runId, actor, (fleet) => this.#decisions.askReason(fleet, runId, planId, actor));
  }

  async cancel(runId: string, actor: Actor): Promise<Answer> {
    return this.#decide(runId, actor, async (fleet) => {
      const decision = await this.#decisions.cancel(fleet, runId, actor);
      if (decision.answer.kind === 'none') this.#work.cancel(runId);
      return decision;
    });
  }

  /** Stops applies of fleets; what is being applied is finished. */
  async lock(fleets: readonly Fleet[], actor: Actor, reason: string): Promise<Answer> {
    const at = this.#ports.clock.now();
    const by = { chat: actor.chat, id: actor.id, name: actor.name };
    return this.#setLock(fleets, actor, { reason, by, at });
  }

  /** Lets applies begin again, those first that were approved before the lock. */
  async unlock(fleets: readonly Fleet[], actor: Actor): Promise<Answer> {
    return this.#setLock(fleets, actor, undefined);
  }

  /** Every run that is kept, oldest first. */
  runs(): readonly Run[] {
    return this.#runs.all();
  }

  run(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  /** What the configuration opens, one sentence each. */
  risks(): readonly string[] {
    return this.#ports.risks;
  }

  fleets(): readonly Fleet[] {
    return this.#ports.fleets;
  }

  /** An answer as it may leave: without secrets. */
  clean(answer: Answer): Answer {
    return cleanAnswer(answer, this.#ports.gate);
  }

  /** How a fleet's guests are, read from the cluster now, and what its runs do. */
  status(fleet: Fleet): Promise<FleetStatus> {
    return readStatus(fleet, { ...this.#ports, runs: this.#runs });
  }

  async #setLock(fleets: readonly Fleet[], actor: Actor, lock: Lock | undefined): Promise<Answer> {
    for (const fleet of fleets) {
      await this.#decisions.setLock(fleet, actor, lock);
      for (const run of this.#runs.open(fleet.name)) {
        // The lock stands on every card that is open.
        this.#runs.refresh(run.id);
        // Also one that is in the queue: it may be on its way out, and a second turn finds nothing to do.
        if (lock === undefined && run.phase === 'queued') this.#work.apply(fleet, run.id);
      }
    }
    const names = fleets.map((fleet) => fleet.name).join(', ');
    return { kind: 'note', text: `Applying is ${lock === undefined ? 'unlocked' : 'locked'} for ${names}.` };
  }

  /** That parts of the store were set aside is told in every fleet's channel, once. */
  #tellOfDamage(): void {
    const { fleets, log, store } = this.#ports;
    if (store.setAside === undefined) return;
    const { file, lost } = store.setAside;
    log.error({ file, lost }, 'the store was damaged: parts of it were set aside');
    for (const fleet of fleets) {
      this.#delivery.announce(fleet.name, 'store', storeCard({ file, lost }));
    }
  }

  #takeUp(run: Run): void {
    const fleet = this.#ports.fleets.find((one) => one.name === run.fleet);
    if (fleet === undefined) {
      this.#ports.log.warn(
        { run: run.id, fleet: run.fleet },
        'a run belongs to a fleet that is not configured any more',
      );
      return;
    }
    this.#work.takeUp(fleet, run);
  }

  async #decide(runId: string, actor: Actor, decide: (fleet: Fleet) => Promise<Decision>): Promise<Answer> {
    const run = this.#runs.get(runId);
    const fleet = this.#ports.fleets.find((one) => one.name === run?.fleet);
    if (run === undefined || fleet === undefined) {
      return { kind: 'note', text: `There is no run ${runId} here. /proxnix history lists the runs.` };
    }
    return (await this.#access.countStranger(actor, fleet)) ?? (await decide(fleet)).answer;
  }
}
