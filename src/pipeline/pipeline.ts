import type { Answer } from '../chat/chat.ts';
import { hasEnded } from '../core/advance.ts';
import type { Commit } from '../core/commit.ts';
import { UserError } from '../core/errors.ts';
import type { KeptDisk } from '../core/kept.ts';
import { type Actor, mayView } from '../core/policy.ts';
import type { PushEvent } from '../core/push.ts';
import type { Run, Trigger, Who } from '../core/run.ts';
import type { CardContext } from '../views/context.ts';
import { storeCard } from '../views/store-card.ts';
import { Access, type Opened, type Wish } from './access.ts';
import { cleanAnswer } from './clean-card.ts';
import { type Decision, Decisions } from './decisions.ts';
import { Delivery } from './delivery.ts';
import type { Deps, Fleet } from './deps.ts';
import type { DriftFinding } from './drift-check.ts';
import { Expiry } from './expiry.ts';
import { findRollBack } from './find-roll-back.ts';
import { Lanes } from './lanes.ts';
import { originOf } from './provenance.ts';
import { reconcile } from './reconcile.ts';
import { Runs } from './runs.ts';
import { setLock } from './set-lock.ts';
import { ShownPlans } from './shown-plans.ts';
import { type Intervals, Upkeep } from './upkeep.ts';
import { Watch } from './watch.ts';
import { Work } from './work.ts';

/** How long ago a run may have ended to be shown again at the start. */
const recentMs = 24 * 60 * 60_000;
/** What stands for the id of another fleet's run: `waits for run of another fleet`. */
const elsewhere = 'of another fleet';

/** The story: from a push to the final tags. Everything that chats, webhooks and the command line ask for comes here. */
export class Pipeline {
  readonly #deps: Deps;
  readonly #reporter: Delivery;
  readonly #runs: Runs;
  readonly #lanes = new Lanes();
  readonly #work: Work;
  readonly #decisions: Decisions;
  readonly #access: Access;
  readonly #shown = new ShownPlans();
  readonly #watch: Watch;
  readonly #expiry: Expiry;
  readonly #upkeep: Upkeep;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#reporter = new Delivery({
      ...deps,
      onShown: (runId, ref) => {
        this.#runs.shown(runId, ref).catch((error: unknown) => {
          deps.log.error({ run: runId, err: error }, 'where a card is shown could not be saved');
        });
      },
      onCard: (chat, runId, card) => this.#shown.onCard(chat, runId, card),
    });
    this.#runs = new Runs({
      ...deps,
      reporter: this.#reporter,
      contextOf: (run) => this.#contextOf(run),
      onEnded: (run) => this.#letGo(run),
    });
    this.#work = new Work(deps, this.#runs, this.#lanes);
    this.#decisions = new Decisions({ ...deps, runs: this.#runs, shown: this.#shown });
    this.#access = new Access(deps);
    this.#expiry = new Expiry({ ...deps, runs: this.#runs });
    this.#upkeep = new Upkeep(deps, { runs: this.#runs, lanes: this.#lanes, reporter: this.#reporter });
    this.#watch = new Watch({
      ...deps,
      quietMs: deps.pushQuietMs,
      look: (fleet, trigger) => this.#look(fleet, trigger),
    });
  }

  /**
   * Takes up what an earlier process left: open plans stay open, approved runs go on waiting for their turn, and an
   * apply that was cut off is looked into and ends as interrupted, followed by a fresh plan.
   */
  async start(): Promise<void> {
    const since = this.#deps.clock.now() - recentMs;
    for (const run of this.#runs.all()) {
      if (!hasEnded(run)) this.#takeUp(run);
      // Its end may not have come to a chat that was down.
      else if ('endedAt' in run && run.endedAt > since) this.#runs.refresh(run.id);
    }
    this.#tellOfDamage();
    this.#expiry.start();
  }

  /** Stops at the next safe place: what is being applied is finished, nothing new begins, cards are shown. */
  async stop(): Promise<void> {
    this.#expiry.stop();
    const upkeep = this.#upkeep.stop();
    // What waits is on disk, and taken up at the next start.
    this.#lanes.close();
    await this.#watch.stop();
    await upkeep;
    await this.#lanes.idle();
    await this.#reporter.flush();
  }

  /** Resolves when nothing is planned, applied or waiting to be shown. */
  async idle(): Promise<void> {
    await this.#lanes.idle();
    await this.#reporter.flush();
  }

  /** A forge reports a push. @returns whether it concerns one of the fleets; the rest happens later. */
  push(event: PushEvent): 'accepted' | 'ignored' {
    const meant = this.#deps.fleets.filter(
      (fleet) => fleet.repository === event.repository && event.ref === `refs/heads/${fleet.branch}`,
    );
    if (meant.length === 0 || event.after === undefined) return 'ignored';
    for (const fleet of meant) this.#watch.pushed(fleet);
    return 'accepted';
  }

  /** Looks at every fleet's repository on an interval, beginning now. */
  poll(everyMs: number): void {
    for (const fleet of this.#deps.fleets) {
      void this.#watch.look(fleet, 'poll');
      this.#watch.poll(fleet, everyMs);
    }
  }

  /** Sees to the clusters on intervals: that they are as they were left, and that nothing is kept for ever. */
  keepUp(intervals: Intervals): void {
    this.#upkeep.begin(intervals);
  }

  /** Compares a fleet with what was last applied to it, now: somebody asks. */
  drift(fleet: Fleet): Promise<DriftFinding> {
    return this.#upkeep.drift(fleet);
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
    if (ref === undefined) return this.#begin(fleet, trigger, await fleet.git.head());
    const commit = await fleet.git.find(ref);
    if (commit === undefined) {
      throw new UserError(`The repository has no commit "${ref}".`, { next: 'Name a branch, a tag or a hash.' });
    }
    return this.#begin(fleet, trigger, commit, await originOf(fleet, commit, ref));
  }

  /** Plans to take over a guest that the flake wants, at the head of the branch. @returns the new run. */
  async adopt(fleet: Fleet, guest: string, by: Who): Promise<Run> {
    const run = await this.#runs.start(fleet, { kind: 'adopt', by, guest }, await fleet.git.head());
    this.#work.plan(fleet, run.id);
    return run;
  }

  /** Plans to go back: `to` is a guest or a commit, absent the commit applied before. @returns the new run. */
  async rollBack(fleet: Fleet, to: string | undefined, by: Who): Promise<Run> {
    const { commit, vmid } = await findRollBack(fleet, to, { store: this.#deps.store, runs: this.#runs.all() });
    const trigger: Trigger = { kind: 'roll-back', by, ...(vmid === undefined ? {} : { vmid }) };
    // What is done to one guest alone applies nothing of the commit.
    const origin = vmid === undefined ? await originOf(fleet, commit, to) : {};
    const run = await this.#runs.start(fleet, trigger, commit, origin);
    this.#work.plan(fleet, run.id);
    return run;
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
    const at = this.#deps.clock.now();
    const by = { chat: actor.chat, id: actor.id, name: actor.name };
    return setLock(this.#deps, fleets, actor, { reason, by, at }, (fleet) => this.#refreshOpen(fleet));
  }

  /** Lets applies begin again, those first that were approved before the lock. */
  async unlock(fleets: readonly Fleet[], actor: Actor): Promise<Answer> {
    return setLock(this.#deps, fleets, actor, undefined, (fleet) => {
      this.#refreshOpen(fleet);
      // Also what still stands in the lane: it may be on its way out, and a second turn finds nothing to do.
      for (const run of this.#runs.open(fleet.name)) if (run.phase === 'queued') this.#work.apply(fleet, run.id);
    });
  }

  /** The root disks of a fleet's guests that were taken out and are not deleted yet. */
  kept(fleet: Fleet): readonly KeptDisk[] {
    return this.#deps.store.fleet(fleet.name).kept ?? [];
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
    return this.#deps.risks;
  }

  fleets(): readonly Fleet[] {
    return this.#deps.fleets;
  }

  /** An answer as it may leave: without secrets. */
  clean(answer: Answer): Answer {
    return cleanAnswer(answer, this.#deps.gate);
  }

  /** The context that a run's card is drawn with. */
  contextOf(run: Run): CardContext {
    return this.#contextOf(run);
  }

  /** The run ids in a fleet's lane, the one at work first. A run of another fleet is told only as being one. */
  queue(fleet: Fleet): readonly string[] {
    const queue = this.#lanes.queue(fleet.clusterName);
    return queue.map((id) => (this.#runs.get(id)?.fleet === fleet.name ? id : elsewhere));
  }

  /** The lock stands on every card that is still open. */
  #refreshOpen(fleet: Fleet): void {
    for (const run of this.#runs.open(fleet.name)) this.#runs.refresh(run.id);
  }

  /** A look at the repository: a commit that was not seen yet begins a run, or overtakes one that is still planning. */
  async #look(fleet: Fleet, trigger: 'push' | 'poll'): Promise<void> {
    const commit = await fleet.git.head();
    if (this.#deps.store.fleet(fleet.name).lastSeen === commit.sha) return;
    await this.#begin(fleet, { kind: trigger }, commit);
  }

  /**
   * Plans a commit, in a run of its own or in one that is still planning an older head. `origin` absent: it is the newest
   * commit of the branch; a commit that somebody named is planned beside it and overtakes nothing.
   */
  async #begin(fleet: Fleet, trigger: Trigger, commit: Commit, origin?: Pick<Run, 'ref' | 'offBranch'>): Promise<Run> {
    const isHead = origin === undefined;
    const planning = this.#runs
      .open(fleet.name)
      .filter((run) => run.phase === 'planning' && !['adopt', 'roll-back'].includes(run.trigger.kind));
    const same = planning.find((run) => run.commit?.sha === commit.sha && run.offBranch === origin?.offBranch);
    if (same !== undefined) return same;
    const { lastSeen } = this.#deps.store.fleet(fleet.name);
    // What somebody named is planned to its end: a newer head is no newer state of it.
    const older = isHead ? planning.find((run) => run.commit?.sha === lastSeen && !isNamed(run)) : undefined;
    const overtaken = older === undefined ? undefined : await this.#overtake(older.id, commit);
    const run = overtaken ?? (await this.#runs.start(fleet, trigger, commit, origin));
    if (overtaken === undefined) this.#work.plan(fleet, run.id);
    if (isHead) await this.#deps.store.saveFleet(fleet.name, { lastSeen: commit.sha });
    return run;
  }

  /** Gives a run that is still planning a newer commit; `undefined` when it has its plan by now. */
  async #overtake(runId: string, commit: Commit): Promise<Run | undefined> {
    const moved = await this.#runs.decide(runId, (run) =>
      run.phase === 'planning' ? { event: { type: 'commit-found', commit } } : { refused: 'planned' as const },
    );
    if ('refused' in moved) return undefined;
    // What is being evaluated for the older commit is of no use any more.
    this.#work.stopEvaluating(runId);
    return moved.run;
  }

  /** That parts of the store were set aside is told in every fleet's channel, once. */
  #tellOfDamage(): void {
    const { fleets, log, store } = this.#deps;
    if (store.setAside === undefined) return;
    const { file, lost } = store.setAside;
    log.error({ file, lost }, 'the store was damaged: parts of it were set aside');
    for (const fleet of fleets) {
      this.#reporter.show(`${fleet.name}: store`, fleet.name, () => storeCard({ file, lost }), {});
    }
  }

  #takeUp(run: Run): void {
    const fleet = this.#deps.fleets.find((one) => one.name === run.fleet);
    if (fleet === undefined) {
      this.#deps.log.warn(
        { run: run.id, fleet: run.fleet },
        'a run belongs to a fleet that is not configured any more',
      );
      return;
    }
    this.#runs.refresh(run.id);
    if (run.phase === 'planning') this.#work.plan(fleet, run.id);
    if (run.phase === 'queued') this.#work.apply(fleet, run.id);
    if (run.phase !== 'applying') return;
    this.#work.enter(fleet, run.id, async () => {
      const { clock, store } = this.#deps;
      await this.#runs.apply(run.id, await reconcile(run, fleet.cluster, this.#deps));
      await store.audit({ at: clock.now(), action: 'ended', who: 'proxnix', run: run.id, detail: 'interrupted' });
      await this.plan(fleet, { kind: 'start' });
    });
  }

  /** The commit of a run that has ended need not be kept any longer. */
  #letGo(run: Run): void {
    const fleet = this.#deps.fleets.find((one) => one.name === run.fleet);
    fleet?.git.unpin(run.id).catch((error: unknown) => {
      this.#deps.log.warn({ run: run.id, err: error }, 'the commit of a run could not be let go');
    });
  }

  async #decide(runId: string, actor: Actor, decide: (fleet: Fleet) => Promise<Decision>): Promise<Answer> {
    const run = this.#runs.get(runId);
    const fleet = this.#deps.fleets.find((one) => one.name === run?.fleet);
    if (run === undefined || fleet === undefined) {
      return { kind: 'note', text: `There is no run ${runId} here. /proxnix history lists the runs.` };
    }
    return (await this.#access.countStranger(actor, fleet)) ?? (await decide(fleet)).answer;
  }

  #contextOf(run: Run): CardContext {
    const fleet = this.#deps.fleets.find((one) => one.name === run.fleet);
    const record = this.#deps.store.fleet(run.fleet);
    const queue = fleet === undefined ? [] : this.queue(fleet);
    const behind = queue[0] === run.id || !queue.includes(run.id) ? undefined : queue[0];
    return {
      repository: fleet?.repository ?? run.fleet,
      policy: fleet?.policy ?? { approvers: [], allowOtherBranches: false },
      now: this.#deps.clock.now(),
      rollbackWindowMs: fleet?.rollbackWindowMs ?? 0,
      ...(fleet?.webUrl === undefined ? {} : { webUrl: fleet.webUrl }),
      ...(record.lock === undefined ? {} : { lock: record.lock }),
      ...(record.applied === undefined ? {} : { applied: record.applied }),
      ...(behind === undefined ? {} : { behind }),
    };
  }
}

/** Is a run for a commit that somebody named, not for the head of the branch? */
function isNamed({ ref, offBranch }: Run): boolean {
  return ref !== undefined || offBranch !== undefined;
}
