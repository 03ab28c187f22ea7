import type { Answer, RunPage } from '../chat/chat.ts';
import { acceptanceOf } from '../core/acceptance.ts';
import { hasEnded } from '../core/advance.ts';
import type { Commit, PushEvent, PushOutcome } from '../core/commit.ts';
import { UserError } from '../core/errors.ts';
import { flakePatch } from '../core/flake-patch.ts';
import { belongsTo, ownerOf } from '../core/goal.ts';
import type { GuestSpec } from '../core/guest.ts';
import { type Actor, type Lock, mayView } from '../core/policy.ts';
import type { PullEvent } from '../core/pull.ts';
import { isNamed, isPreview, type PlannedRun, planOf, type Run, type Trigger, type Who } from '../core/run.ts';
import { storeCard } from '../views/announcements.ts';
import type { FleetStatus } from '../views/answer-cards.ts';
import { acceptCard } from '../views/drift.ts';
import { type Overview, runTimes } from '../views/overview.ts';
import { Access, type Opened, ShownPlans, type Wish } from './access.ts';
import { findRollback, originIfKnown, originOf } from './commits.ts';
import { type Decision, Decisions } from './decisions.ts';
import { cleanAnswer, cleanCard, cleanTexts, Delivery } from './delivery.ts';
import type { DriftFinding } from './drift-check.ts';
import { ForgeReports } from './forge-reports.ts';
import { type Intervals, Maintenance } from './maintenance.ts';
import { Overviews } from './overview.ts';
import { declaredGuest, declaredGuests } from './plan-run.ts';
import type { Fleet, Ports } from './ports.ts';
import { Previews } from './previews.ts';
import { ClusterQueues } from './queues.ts';
import { Reachability } from './reachability.ts';
import { Runs } from './runs.ts';
import { readStatus } from './status.ts';
import { PushWatcher, Work } from './work.ts';

/** A run that ended less than this before the start is shown again at the start. */
const recentMs = 24 * 60 * 60_000;

/** The whole way from a push to the final tags. Chats, webhooks and the command line call this class. */
export class Pipeline {
  readonly #ports: Ports;
  readonly #shown = new ShownPlans();
  readonly #queues = new ClusterQueues();
  readonly #delivery: Delivery;
  readonly #reports: ForgeReports;
  readonly #runs: Runs;
  readonly #work: Work;
  readonly #decisions: Decisions;
  readonly #access: Access;
  readonly #watcher: PushWatcher;
  readonly #previews: Previews;
  readonly #maintenance: Maintenance;
  readonly #overviews: Overviews;

  constructor(ports: Ports) {
    this.#ports = ports;
    const queues = this.#queues;
    const reachability = new Reachability(ports.clock);
    this.#delivery = new Delivery(ports, { shown: this.#shown, reachability });
    const delivery = this.#delivery;
    this.#reports = new ForgeReports(ports);
    const runs = new Runs(ports, { queues, delivery, reports: this.#reports });
    this.#runs = runs;
    this.#work = new Work(ports, runs, queues, reachability);
    this.#decisions = new Decisions({ ...ports, runs, shown: this.#shown });
    this.#access = new Access(ports);
    this.#watcher = new PushWatcher(ports, { work: this.#work });
    this.#previews = new Previews(ports, { work: this.#work });
    const maintenance = new Maintenance(ports, { runs, queues, delivery });
    this.#maintenance = maintenance;
    this.#overviews = new Overviews(ports, {
      runs,
      reachability,
      lastDrift: (fleet) => maintenance.lastDrift(fleet),
    });
  }

  /**
   * Continues the runs that an earlier process left open. Open plans stay open and approved runs are queued again. An
   * interrupted apply ends as `interrupted`, and a fresh plan follows.
   */
  async start(): Promise<void> {
    const since = this.#ports.clock.now() - recentMs;
    // Without a message is also what a chat that was down has not shown yet.
    const gaveAway = new Set(
      this.#ports.store
        .runs()
        .flatMap(({ run, messages }) =>
          Object.keys(messages).length === 0 && this.#runs.gaveItsMessage(run.id) ? [run.id] : [],
        ),
    );
    for (const run of this.#runs.all()) {
      if (!hasEnded(run)) this.#takeUp(run);
      // A chat that was down may not have shown the end of this run yet.
      else if ('endedAt' in run && run.endedAt > since && !gaveAway.has(run.id)) this.#runs.refresh(run.id);
    }
    this.#tellOfDamage();
    this.#maintenance.start();
  }

  /** Stops at the next safe point: finishes the current apply, begins nothing new, and delivers the cards. */
  async stop(): Promise<void> {
    const maintenance = this.#maintenance.stop();
    // Runs that wait are on disk and continue at the next start.
    this.#queues.close();
    await this.#watcher.stop();
    await this.#previews.stop();
    await maintenance;
    await this.#queues.idle();
    await Promise.all([this.#delivery.flush(), this.#reports.flush()]);
  }

  /** Resolves when nothing is planned, applied or waiting to be shown. */
  async idle(): Promise<void> {
    await this.#queues.idle();
    await Promise.all([this.#delivery.flush(), this.#reports.flush()]);
  }

  /** A forge reports a push. @returns whether it concerns one of the fleets; the rest happens later. */
  push({ repository, ref, after, isRepeated }: PushEvent): PushOutcome {
    const ignored = (why: string, isOtherRepository = false) => ({ kind: 'ignored', why, isOtherRepository }) as const;
    const { fleets } = this.#ports;
    const ofRepository = fleets.filter((fleet) => isSameRepository(fleet.repository, repository));
    if (ofRepository.length === 0) {
      const expected = [...new Set(fleets.map((fleet) => fleet.repository))].join(', ');
      return ignored(`the push is for ${repository}, expected is ${expected} (WEBHOOK_REPOSITORY)`, true);
    }
    const meant = ofRepository.filter((fleet) => ref === `refs/heads/${fleet.branch}`);
    if (meant.length === 0) {
      const expected = [...new Set(ofRepository.map((fleet) => fleet.branch))].join(', ');
      return ignored(`the push is for ${ref}, expected is ${expected}`);
    }
    if (after === undefined) return ignored('the branch was deleted');
    // A person who lets the forge deliver again wants what did not work planned again, and nothing twice.
    const due = isRepeated === true ? meant.filter((fleet) => this.#work.mayTryAgain(fleet)) : meant;
    if (due.length === 0) return ignored('the delivery was seen before, and nothing of it is left to try again');
    for (const fleet of due) this.#watcher.pushed(fleet);
    return { kind: 'accepted' };
  }

  /** A forge reports a pull or merge request. @returns whether a preview follows; it is made later */
  pull(pull: PullEvent): PushOutcome {
    const { fleets } = this.#ports;
    const meant = fleets.filter((fleet) => isSameRepository(fleet.repository, pull.repository));
    const outcomes = meant.map((fleet) => this.#previews.reported(fleet, pull));
    const [first] = outcomes;
    if (first !== undefined) return outcomes.find(({ kind }) => kind === 'accepted') ?? first;
    const why = `the request is for ${pull.repository}, which is no fleet's (WEBHOOK_REPOSITORY)`;
    return { kind: 'ignored', why, isOtherRepository: true };
  }

  /** Fetches every fleet's repository on an interval, for the first time now. */
  poll(everyMs: number): void {
    for (const fleet of this.#ports.fleets) {
      void this.#watcher.fetch(fleet, 'poll');
      this.#watcher.poll(fleet, everyMs);
    }
  }

  /**
   * Begins maintenance on intervals: starts stopped guests, checks for drift, and deletes what is older than the
   * rollback window.
   */
  keepUp(intervals: Intervals): void {
    this.#maintenance.begin(intervals);
  }

  /** Compares a fleet with the last applied commit now, because a person asked. */
  drift(fleet: Fleet): Promise<DriftFinding> {
    return this.#maintenance.drift(fleet);
  }

  /**
   * Counts a person's request and returns the fleets that they may use in this place.
   * @param what the command or button
   * @param run the run that the request names
   */
  open(actor: Actor, wish: Wish, what: string, run?: string): Promise<Opened> {
    const named = this.fleets().filter((fleet) => fleet.name === this.run(run ?? '')?.fleet);
    return this.#access.open(actor, named.length === 0 ? this.fleets() : named, wish, what, run);
  }

  /** The fleets that a person may read about in this place, for suggestions. Does not count as a request. */
  visible(actor: Actor): readonly Fleet[] {
    return this.fleets().filter((fleet) => mayView(actor, fleet.policy) === undefined);
  }

  /** Remembers that a private answer has shown a person the plan of a run. */
  answeredWithPlan(actor: Actor, runId: string, planId: string): void {
    this.#shown.onAnswer(actor, runId, planId);
  }

  /** The plan of a run that a person was shown last; `undefined` when it is not known. */
  shownPlan(actor: Actor, runId: string): string | undefined {
    return this.#shown.last(actor, runId);
  }

  /**
   * Plans a fleet at the head of its branch, or at a ref of its repository.
   * @returns the new run; where the newest run is an open plan of that head, that one, compared with the cluster again
   */
  async plan(fleet: Fleet, trigger: Trigger, ref?: string): Promise<Run> {
    if (ref === undefined) {
      const head = await fleet.git.head();
      const newest = this.#runs.all().findLast((run) => run.fleet === fleet.name && !isPreview(run));
      const isOpen =
        newest?.phase === 'planned' &&
        newest.commit.sha === head.sha &&
        newest.expiresAt > this.#ports.clock.now() &&
        isOfHead(newest);
      return isOpen ? this.#decisions.renew(fleet, newest.id) : this.#work.begin(fleet, trigger, head);
    }
    const commit = await fleet.git.find(ref);
    if (commit === undefined) {
      throw new UserError(`The repository has no commit "${ref}".`, { next: 'Name a branch, a tag or a hash.' });
    }
    return this.#work.begin(fleet, trigger, commit, await originOf(fleet, commit, ref));
  }

  /**
   * Previews a pull or merge request because a person asks, who must be an approver: its author may be anybody.
   * @returns the run, or the answer that refuses it
   */
  async preview(fleet: Fleet, number: number, actor: Actor): Promise<Run | { readonly refused: Answer }> {
    const opened = await this.#access.open(actor, [fleet], 'act', 'plan');
    if ('refused' in opened) return opened;
    return this.#previews.asked(fleet, number, { chat: actor.chat, id: actor.id, name: actor.name });
  }

  /**
   * Plans to adopt a guest that the flake declares, at the head of the branch. @returns the new run.
   * @throws UserError for a name that a commit does not declare which was evaluated before; else its card says so
   */
  async adopt(fleet: Fleet, guest: string, by: Who): Promise<Run> {
    const head = await fleet.git.head();
    const declared = await declaredGuests(fleet, head, this.#runs.all()).catch(() => undefined);
    if (declared !== undefined) await refuseAdoption(fleet, declaredGuest(declared, guest));
    return this.#work.beginAlone(fleet, { kind: 'adopt', by, guest }, head);
  }

  /**
   * Plans a rollback. `to` is a guest or a commit; when it is absent, the previously applied commit. @returns the new
   * run, or the open one to the same
   */
  async rollback(fleet: Fleet, to: string | undefined, by: Who): Promise<Run> {
    const { commit, vmid } = await findRollback(fleet, to, { store: this.#ports.store, runs: this.#runs.all() });
    const trigger: Trigger = { kind: 'rollback', by, ...(vmid === undefined ? {} : { vmid }) };
    const origin = await (vmid === undefined ? originOf(fleet, commit, to) : originIfKnown(fleet, commit));
    // Nothing is waited for from here on, so two presses at the same time make one run.
    const same = this.#runs.open(fleet.name).find((run) => goesBackTo(run, commit, vmid));
    return same ?? this.#work.beginAlone(fleet, trigger, commit, origin);
  }

  /** What the flake would have to say for the drift of a run to be as wanted, as a patch where it fits. */
  async acceptance(runId: string): Promise<Answer> {
    const run = this.#runs.get(runId);
    const fleet = this.#ports.fleets.find((one) => one.name === run?.fleet);
    const plan = run === undefined ? undefined : planOf(run);
    if (run === undefined || fleet === undefined || plan === undefined) {
      return { kind: 'note', text: `Run ${runId} has no plan to accept.` };
    }
    const accepted = acceptanceOf(plan);
    const files = await fleet.git.nixFiles(plan.goal.commit.sha, 'vm_id');
    return { kind: 'card', card: acceptCard(run, accepted, flakePatch(files, accepted.edits)) };
  }

  /** Plans what the button of an applied run offers to go back to. @returns the new run, or the open one to the same */
  async rollbackOf(run: Run, fleet: Fleet, by: Who): Promise<Run> {
    const offer = this.#runs.rollbackOf(run);
    if (offer !== undefined) return this.rollback(fleet, 'sha' in offer ? offer.sha : String(offer.guest.vmid), by);
    throw new UserError(`Run ${run.id} can no longer be rolled back with its button.`, {
      next: 'Another apply came after it, or its window is over: /proxnix rollback goes back to a guest or commit by name.',
    });
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

  /** Locks fleets: no apply begins until `unlock`. The current apply is finished. */
  async lock(fleets: readonly Fleet[], actor: Actor, reason: string): Promise<Answer> {
    const at = this.#ports.clock.now();
    const by = { chat: actor.chat, id: actor.id, name: actor.name };
    return this.#setLock(fleets, actor, { reason, by, at });
  }

  /** Unlocks fleets and queues the runs that were approved before the lock, oldest first. */
  async unlock(fleets: readonly Fleet[], actor: Actor): Promise<Answer> {
    return this.#setLock(fleets, actor, undefined);
  }

  /** The names of a fleet's guests that can be rolled back to a retained root disk. */
  retained({ name }: Fleet): readonly string[] {
    const { retainedDisks = [] } = this.#ports.store.fleet(name);
    const guests = this.#runs.all().flatMap((run) => (run.fleet === name ? (planOf(run)?.goal.guests ?? []) : []));
    const vmids = new Set(retainedDisks.filter(({ unhealthy }) => unhealthy !== true).map(({ vmid }) => vmid));
    return [...vmids].map((vmid) => guests.findLast((guest) => guest.vmid === vmid)?.name ?? String(vmid));
  }

  /** Every run that is kept, oldest first. */
  runs(): readonly Run[] {
    return this.#runs.all();
  }

  run(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  /** The risks that the configuration accepts, one sentence each. */
  risks(): readonly string[] {
    return this.#ports.risks;
  }

  fleets(): readonly Fleet[] {
    return this.#ports.fleets;
  }

  /** Removes secrets from an answer. */
  clean(answer: Answer): Answer {
    return cleanAnswer(answer, this.#ports.gate);
  }

  /** The current state of a fleet's guests, read from the cluster now, and of its runs. */
  status(fleet: Fleet): Promise<FleetStatus> {
    return readStatus(fleet, { ...this.#ports, runs: this.#runs });
  }

  /** What people see of fleets; a cluster is read at most once in 10 s, and only because of this call. */
  async overview(fleets: readonly Fleet[]): Promise<Overview> {
    return cleanTexts(await this.#overviews.of(fleets), this.#ports.gate);
  }

  /** A run as its page shows it. */
  page(run: Run): RunPage {
    const { gate, store } = this.#ports;
    const { id, fleet } = run;
    const ref = store.runs().find((saved) => saved.run.id === id)?.messages ?? {};
    return { id, fleet, card: cleanCard(this.#runs.card(run), gate), times: cleanTexts(runTimes(run), gate), ref };
  }

  async #setLock(fleets: readonly Fleet[], actor: Actor, lock: Lock | undefined): Promise<Answer> {
    for (const fleet of fleets) {
      await this.#decisions.setLock(fleet, actor, lock);
      for (const run of this.#runs.open(fleet.name)) {
        // Every open card shows the lock.
        this.#runs.refresh(run.id);
        // A run that is in the queue already is queued again, because its turn may be ending; a second turn does
        // nothing.
        if (lock === undefined && run.phase === 'queued') this.#work.apply(fleet, run.id);
      }
    }
    const names = fleets.map((fleet) => fleet.name).join(', ');
    return { kind: 'note', text: `Applying is ${lock === undefined ? 'unlocked' : 'locked'} for ${names}.` };
  }

  /** Announces once in every fleet's channel that damaged parts of the store were set aside. */
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

/** @throws UserError for a guest of which there is nothing to adopt */
async function refuseAdoption(fleet: Fleet, { vmid, name }: GuestSpec): Promise<void> {
  const live = (await fleet.cluster.list()).find((one) => one.vmid === vmid);
  if (live === undefined) {
    throw new UserError(`There is no guest ${vmid} in the cluster to adopt.`, {
      next: `A plan creates ${name}: /proxnix plan shows it.`,
    });
  }
  if (!belongsTo(ownerOf(fleet), live.tags)) return;
  throw new UserError(`${live.name} (${vmid}) needs no adoption: proxnix manages it already.`);
}

/** Is it a rollback to this commit, or of this guest, that is not decided yet? */
function goesBackTo({ trigger, phase, commit }: Run, { sha }: Commit, vmid: number | undefined): boolean {
  const isUndecided = phase === 'planning' || phase === 'planned';
  return isUndecided && trigger.kind === 'rollback' && trigger.vmid === vmid && commit?.sha === sha;
}

/** Does the run plan the whole fleet as the head of its branch wants it? */
function isOfHead(run: PlannedRun): boolean {
  return (
    !isNamed(run) && run.trigger.kind !== 'drift' && run.trigger.kind !== 'rollback' && run.trigger.kind !== 'adopt'
  );
}

/**
 * Is a push for this repository? The clone address of a forge under a path (`https://host/git/ada/fleet`) has that path
 * in front of what the forge's webhooks say. A match too many only fetches our own repository once more.
 */
function isSameRepository(configured: string, pushed: string): boolean {
  return configured === pushed || configured.endsWith(`/${pushed}`);
}
