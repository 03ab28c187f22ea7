import { hasEnded } from '../core/advance.ts';
import type { Commit } from '../core/commit.ts';
import { errorFacts } from '../core/errors.ts';
import { isNamed, isPreview, type Run, type Trigger } from '../core/run.ts';
import { applyRun, recoverInterrupted, rememberStarted } from './apply-run.ts';
import { planRun } from './plan-run.ts';
import type { Clock, Fleet, Log, Ports } from './ports.ts';
import { type ClusterQueues, Signals } from './queues.ts';
import type { Reachability } from './reachability.ts';
import type { Runs } from './runs.ts';

/** The facts of a run about a commit that a person named; absent when the run is for the head of the branch. */
type Origin = Pick<Run, 'ref' | 'offBranch'>;

/** Begins runs, queues their plans and applies on the cluster's queue, and cancels them. */
export class Work {
  readonly #ports: Ports;
  readonly #runs: Runs;
  readonly #queues: ClusterQueues;
  readonly #reachability: Reachability;
  readonly #signals = new Signals();

  constructor(ports: Ports, runs: Runs, queues: ClusterQueues, reachability: Reachability) {
    this.#ports = ports;
    this.#runs = runs;
    this.#queues = queues;
    this.#reachability = reachability;
  }

  /**
   * Fetches the repository. A new commit begins a run, or replaces the commit of a run that is still planning. A push of
   * a commit that is known begins one when `mayTryAgain`.
   */
  async fetch(fleet: Fleet, trigger: 'push' | 'poll'): Promise<void> {
    const commit = await this.#reachability.watch('Git', fleet.repository, () => fleet.git.head());
    const isKnown = this.#ports.store.fleet(fleet.name).lastSeen === commit.sha;
    if (isKnown && !(trigger === 'push' && this.mayTryAgain(fleet))) return;
    await this.begin(fleet, { kind: trigger }, commit);
  }

  /** Could the newest commit of the branch not be planned, for a reason that may have passed? */
  mayTryAgain(fleet: Fleet): boolean {
    const { lastSeen } = this.#ports.store.fleet(fleet.name);
    const last = this.#runs
      .all()
      .findLast((run) => run.fleet === fleet.name && run.commit?.sha === lastSeen && !isPreview(run));
    return last?.phase === 'failed' && last.applying === undefined && last.failure.mayPass === true;
  }

  /**
   * Plans a commit in a run of its own, or in a run that is still planning an older head. Without `origin` the commit
   * is the head of the branch. A commit that a person named gets a run beside it and replaces nothing.
   */
  async begin(fleet: Fleet, trigger: Trigger, commit: Commit, origin?: Origin): Promise<Run> {
    const isHead = origin === undefined;
    const planning = this.#runs
      .open(fleet.name)
      .filter((run) => run.phase === 'planning' && !['adopt', 'rollback', 'pull'].includes(run.trigger.kind));
    const same = planning.find((run) => run.commit?.sha === commit.sha && run.offBranch === origin?.offBranch);
    if (same !== undefined) return same;
    const { lastSeen } = this.#ports.store.fleet(fleet.name);
    // A run for a named commit is planned to its end: a newer head of the branch does not replace it.
    const older = isHead ? planning.find((run) => run.commit?.sha === lastSeen && !isNamed(run)) : undefined;
    const overtaken = older === undefined ? undefined : await this.#overtake(older.id, commit);
    const run = overtaken ?? (await this.beginAlone(fleet, trigger, commit, origin));
    if (isHead) await this.#ports.store.saveFleet(fleet.name, { lastSeen: commit.sha });
    return run;
  }

  /** Plans a commit in a run of its own, beside other runs that are being planned. */
  async beginAlone(fleet: Fleet, trigger: Trigger, commit: Commit, origin?: Origin): Promise<Run> {
    const run = await this.#runs.start(fleet, trigger, commit, origin);
    this.#plan(fleet, run.id);
    return run;
  }

  /**
   * Previews a commit of a request: in its open run, which forgets the commit of before, or in a new one. @returns the
   * run
   */
  async preview(fleet: Fleet, trigger: Extract<Trigger, { kind: 'pull' }>, commit: Commit): Promise<Run> {
    const open = this.#openPreview(fleet, trigger.number);
    // Who asks wants it compared with the cluster of now.
    const isDone = open?.phase === 'planning' || trigger.by === undefined;
    if (open?.commit?.sha === commit.sha && isDone) return open;
    const origin = { ref: `pull/${trigger.number}`, offBranch: true } as const;
    const overtaken = open === undefined ? undefined : await this.#overtake(open.id, commit);
    if (open?.phase === 'previewed' && overtaken !== undefined) this.#plan(fleet, open.id);
    return overtaken ?? (await this.beginAlone(fleet, trigger, commit, origin));
  }

  /** Ends the preview of a request that was merged or closed. */
  async endPreview(fleet: Fleet, number: number): Promise<void> {
    const open = this.#openPreview(fleet, number);
    if (open === undefined) return;
    const at = this.#ports.clock.now();
    await this.#runs.decide(open.id, (run) =>
      hasEnded(run) ? { refused: 'ended' } : { event: { type: 'closed', at } },
    );
    this.#signals.abort(open.id);
  }

  #openPreview(fleet: Fleet, number: number): Run | undefined {
    return this.#runs.open(fleet.name).find(({ trigger }) => trigger.kind === 'pull' && trigger.number === number);
  }

  /** Continues a run that an earlier process left open. */
  takeUp(fleet: Fleet, run: Run): void {
    this.#runs.refresh(run.id);
    if (run.phase === 'planning') this.#plan(fleet, run.id);
    if (run.phase === 'queued') this.apply(fleet, run.id);
    if (run.phase !== 'applying') return;
    this.#enter(fleet, run.id, async () => {
      const { clock, store } = this.#ports;
      await this.#runs.apply(run.id, await recoverInterrupted(run, fleet.cluster, this.#ports));
      await rememberStarted(fleet, run, this.#ports);
      await store.audit({ at: clock.now(), action: 'ended', who: 'proxnix', run: run.id, detail: 'interrupted' });
      await this.begin(fleet, { kind: 'start' }, await fleet.git.head());
    });
  }

  /** Queues the apply of an approved run. A second turn of the same run does nothing. */
  apply(fleet: Fleet, runId: string): void {
    const parts = { ...this.#ports, runs: this.#runs, signals: this.#signals };
    this.#enter(fleet, runId, () => applyRun(fleet, runId, parts));
  }

  /** Stops an apply at the next safe point. */
  cancel(runId: string): void {
    this.#signals.abort(runId);
  }

  #plan(fleet: Fleet, runId: string): void {
    const parts = { ...this.#ports, runs: this.#runs, signals: this.#signals };
    this.#enter(fleet, runId, () => planRun(fleet, runId, parts));
  }

  /** Gives a newer commit to a run that is still planning, or to a preview; `undefined` when the run takes none any more. */
  async #overtake(runId: string, commit: Commit): Promise<Run | undefined> {
    const decided = await this.#runs.decide(runId, (run) =>
      run.phase === 'planning' || run.phase === 'previewed'
        ? { event: { type: 'commit-found', commit } }
        : { refused: 'planned' as const },
    );
    if ('refused' in decided) return undefined;
    // The evaluation of the older commit is no longer needed.
    this.#signals.abort(runId);
    return decided.run;
  }

  #enter(fleet: Fleet, runId: string, job: () => Promise<void>): void {
    const { clusterName } = fleet;
    const over = this.#queues.enter(clusterName, { runId, fleet: fleet.name }, job);
    const waiting = () => this.#queues.queue(clusterName).map((one) => one.runId);
    // The card was drawn before the run was queued.
    if (waiting()[0] !== runId) this.#runs.refresh(runId);
    void over
      .catch((error: unknown) => this.#ports.log.error({ run: runId, err: error }, 'a job of the pipeline failed'))
      .then(() => {
        this.#signals.forget(runId);
        // The card of a waiting run names the run that it waits for, which has changed.
        for (const id of waiting()) this.#runs.refresh(id);
      });
  }
}

/** The delay before a repository that could not be fetched is fetched again. */
const againMs = 30_000;

/**
 * Notices new commits: after a push, when the fleet was quiet for a moment, and on an interval. Ten pushes in a second
 * cause one fetch.
 */
export class PushWatcher {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #quietMs: number;
  readonly #work: Work;
  /** Cancels the fetch that a push has scheduled, by fleet. */
  readonly #waiting = new Map<string, () => void>();
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #polls = new Map<string, () => void>();
  #stopped = false;

  constructor(
    ports: { readonly clock: Clock; readonly log: Log; readonly pushQuietMs: number },
    { work }: { readonly work: Work },
  ) {
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#quietMs = ports.pushQuietMs;
    this.#work = work;
  }

  /** Schedules a fetch for the moment when the fleet has been quiet long enough. */
  pushed(fleet: Fleet): void {
    if (this.#stopped) return;
    this.#waiting.get(fleet.name)?.();
    this.#fetchIn(fleet, this.#quietMs);
  }

  /** Fetches now, after a fetch that is under way: that one may have read the branch before the push. Never rejects. */
  fetch(fleet: Fleet, trigger: 'push' | 'poll'): Promise<void> {
    const fetch = (this.#fetching.get(fleet.name) ?? Promise.resolve())
      .then(() => this.#work.fetch(fleet, trigger))
      .catch((error: unknown) => {
        this.#log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'the repository could not be fetched');
        // After a failed fetch a push is fetched again, also where no interval is set.
        if (trigger === 'push' && !this.#stopped && !this.#waiting.has(fleet.name)) this.#fetchIn(fleet, againMs);
      });
    this.#fetching.set(fleet.name, fetch);
    return fetch;
  }

  /** Fetches a fleet's repository on an interval. */
  poll(fleet: Fleet, everyMs: number): void {
    if (this.#stopped) return;
    const callOff = this.#clock.after(everyMs, () => {
      void this.fetch(fleet, 'poll').finally(() => this.poll(fleet, everyMs));
    });
    this.#polls.set(fleet.name, callOff);
  }

  /** Stops: no fetch begins any more. Resolves when the current fetches are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const callOff of [...this.#waiting.values(), ...this.#polls.values()]) callOff();
    this.#waiting.clear();
    await Promise.all(this.#fetching.values());
  }

  #fetchIn(fleet: Fleet, ms: number): void {
    const callOff = this.#clock.after(ms, () => {
      this.#waiting.delete(fleet.name);
      void this.fetch(fleet, 'push');
    });
    this.#waiting.set(fleet.name, callOff);
  }
}
