import type { Commit } from '../core/commit.ts';
import { errorFacts } from '../core/errors.ts';
import type { Run, Trigger } from '../core/run.ts';
import { applyRun, recoverInterrupted } from './apply-run.ts';
import { planRun } from './plan-run.ts';
import type { Clock, Fleet, Log, Ports } from './ports.ts';
import { type ClusterQueues, Signals } from './queues.ts';
import type { Runs } from './runs.ts';

/** What a run says of the commit that somebody named; absent: the run is for the head of the branch. */
type Origin = Pick<Run, 'ref' | 'offBranch'>;

/** Begins runs, gives each its turn in the queue of its cluster, and calls them off. */
export class Work {
  readonly #ports: Ports;
  readonly #runs: Runs;
  readonly #queues: ClusterQueues;
  readonly #signals = new Signals();

  constructor(ports: Ports, runs: Runs, queues: ClusterQueues) {
    this.#ports = ports;
    this.#runs = runs;
    this.#queues = queues;
  }

  /** Looks at the repository. A commit that was not seen yet begins a run, or overtakes one that is still planning. */
  async look(fleet: Fleet, trigger: 'push' | 'poll'): Promise<void> {
    const commit = await fleet.git.head();
    if (this.#ports.store.fleet(fleet.name).lastSeen === commit.sha) return;
    await this.begin(fleet, { kind: trigger }, commit);
  }

  /**
   * Plans a commit, in a run of its own or in one that is still planning an older head. `origin` absent: it is the newest
   * commit of the branch; a commit that somebody named is planned beside it and overtakes nothing.
   */
  async begin(fleet: Fleet, trigger: Trigger, commit: Commit, origin?: Origin): Promise<Run> {
    const isHead = origin === undefined;
    const planning = this.#runs
      .open(fleet.name)
      .filter((run) => run.phase === 'planning' && !['adopt', 'rollback'].includes(run.trigger.kind));
    const same = planning.find((run) => run.commit?.sha === commit.sha && run.offBranch === origin?.offBranch);
    if (same !== undefined) return same;
    const { lastSeen } = this.#ports.store.fleet(fleet.name);
    // What somebody named is planned to its end: a newer head is no newer state of it.
    const older = isHead ? planning.find((run) => run.commit?.sha === lastSeen && !isNamed(run)) : undefined;
    const overtaken = older === undefined ? undefined : await this.#overtake(older.id, commit);
    const run = overtaken ?? (await this.beginAlone(fleet, trigger, commit, origin));
    if (isHead) await this.#ports.store.saveFleet(fleet.name, { lastSeen: commit.sha });
    return run;
  }

  /** Plans a commit in a run of its own, beside whatever is being planned. */
  async beginAlone(fleet: Fleet, trigger: Trigger, commit: Commit, origin?: Origin): Promise<Run> {
    const run = await this.#runs.start(fleet, trigger, commit, origin);
    this.#plan(fleet, run.id);
    return run;
  }

  /** Goes on with a run that an earlier process left open. */
  takeUp(fleet: Fleet, run: Run): void {
    this.#runs.refresh(run.id);
    if (run.phase === 'planning') this.#plan(fleet, run.id);
    if (run.phase === 'queued') this.apply(fleet, run.id);
    if (run.phase !== 'applying') return;
    this.#enter(fleet, run.id, async () => {
      const { clock, store } = this.#ports;
      await this.#runs.apply(run.id, await recoverInterrupted(run, fleet.cluster, this.#ports));
      await store.audit({ at: clock.now(), action: 'ended', who: 'proxnix', run: run.id, detail: 'interrupted' });
      await this.begin(fleet, { kind: 'start' }, await fleet.git.head());
    });
  }

  /** Applies an approved run when its turn comes. A second turn of the same run finds nothing to do. */
  apply(fleet: Fleet, runId: string): void {
    const parts = { ...this.#ports, runs: this.#runs, signals: this.#signals };
    this.#enter(fleet, runId, () => applyRun(fleet, runId, parts));
  }

  /** Stops an apply at the next place where that is safe. */
  cancel(runId: string): void {
    this.#signals.abort(runId);
  }

  #plan(fleet: Fleet, runId: string): void {
    const parts = { ...this.#ports, runs: this.#runs, signals: this.#signals };
    this.#enter(fleet, runId, () => planRun(fleet, runId, parts));
  }

  /** Gives a run that is still planning a newer commit; `undefined` when it has its plan by now. */
  async #overtake(runId: string, commit: Commit): Promise<Run | undefined> {
    const decided = await this.#runs.decide(runId, (run) =>
      run.phase === 'planning' ? { event: { type: 'commit-found', commit } } : { refused: 'planned' as const },
    );
    if ('refused' in decided) return undefined;
    // What is being evaluated for the older commit is of no use any more.
    this.#signals.abort(runId);
    return decided.run;
  }

  #enter(fleet: Fleet, runId: string, job: () => Promise<void>): void {
    const { clusterName } = fleet;
    const over = this.#queues.enter(clusterName, { runId, fleet: fleet.name }, job);
    const waiting = () => this.#queues.queue(clusterName).map((one) => one.runId);
    // The card was drawn before the run stood in the queue.
    if (waiting()[0] !== runId) this.#runs.refresh(runId);
    void over
      .catch((error: unknown) => this.#ports.log.error({ run: runId, err: error }, 'a job of the pipeline failed'))
      .then(() => {
        this.#signals.forget(runId);
        // A card that waits says for which run, and that has changed.
        for (const id of waiting()) this.#runs.refresh(id);
      });
  }
}

/** Is a run for a commit that somebody named, not for the head of the branch? */
function isNamed({ ref, offBranch }: Run): boolean {
  return ref !== undefined || offBranch !== undefined;
}

/** When a repository that could not be reached is tried again. */
const againMs = 30_000;

/**
 * Notices new commits: on a push, after the fleet was quiet for a moment, and on an interval. Ten pushes in a second
 * are one look, at the newest commit.
 */
export class PushWatcher {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #quietMs: number;
  readonly #work: Work;
  /** Calls off the look that a push waits for, by fleet. */
  readonly #waiting = new Map<string, () => void>();
  readonly #looking = new Map<string, Promise<void>>();
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

  /** Something was pushed: looks when the fleet has been quiet for a moment. */
  pushed(fleet: Fleet): void {
    if (this.#stopped) return;
    this.#waiting.get(fleet.name)?.();
    this.#lookIn(fleet, this.#quietMs);
  }

  /** Looks now, after a look that is going on: that one may have read the branch too early. Never rejects. */
  look(fleet: Fleet, trigger: 'push' | 'poll'): Promise<void> {
    const look = (this.#looking.get(fleet.name) ?? Promise.resolve())
      .then(() => this.#work.look(fleet, trigger))
      .catch((error: unknown) => {
        this.#log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'the repository could not be looked at');
        // A push that could not be looked at is not forgotten, also where nobody polls.
        if (trigger === 'push' && !this.#stopped && !this.#waiting.has(fleet.name)) this.#lookIn(fleet, againMs);
      });
    this.#looking.set(fleet.name, look);
    return look;
  }

  /** Looks at a fleet every so often. */
  poll(fleet: Fleet, everyMs: number): void {
    if (this.#stopped) return;
    const callOff = this.#clock.after(everyMs, () => {
      void this.look(fleet, 'poll').finally(() => this.poll(fleet, everyMs));
    });
    this.#polls.set(fleet.name, callOff);
  }

  /** No look begins any more; resolves when those at work are over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const callOff of [...this.#waiting.values(), ...this.#polls.values()]) callOff();
    this.#waiting.clear();
    await Promise.all(this.#looking.values());
  }

  #lookIn(fleet: Fleet, ms: number): void {
    const callOff = this.#clock.after(ms, () => {
      this.#waiting.delete(fleet.name);
      void this.look(fleet, 'push');
    });
    this.#waiting.set(fleet.name, callOff);
  }
}
