import { errorFacts } from '../core/errors.ts';
import type { Run } from '../core/run.ts';
import type { Delivery } from './delivery.ts';
import { DriftCheck, type DriftFinding } from './drift-check.ts';
import { Collector } from './garbage-collection.ts';
import type { Clock, Fleet, Ports } from './ports.ts';
import { Power } from './power.ts';
import type { ClusterQueues } from './queues.ts';
import type { Runs } from './runs.ts';

/** How often each check runs, in milliseconds; a check without an interval is off. */
export interface Intervals {
  /** Starts guests that ran and have stopped. */
  readonly powerIntervalMs?: number;
  /** Compares each fleet with its last applied commit. */
  readonly planIntervalMs?: number;
  /** Deletes disks, images and GC roots that are older than the rollback window. */
  readonly collectIntervalMs?: number;
}

/** How long after an apply the cluster's list may still show power states from before it. */
const listLagsMs = 15_000;
/** How often open plans are checked for expiry. */
const expiryEveryMs = 60_000;

/**
 * The checks on intervals. They run only while the cluster's queue is empty, and report nothing when they find nothing.
 */
export class Maintenance {
  readonly #ports: Ports;
  readonly #runs: Runs;
  readonly #queues: ClusterQueues;
  readonly #power: Power;
  readonly #drift: DriftCheck;
  readonly #collector: Collector;
  readonly #schedule: Schedule;
  /** Digests of the plans whose expiry was announced. */
  readonly #warned = new Set<string>();
  /** The applied runs whose cards offer a rollback. */
  #offering: readonly string[] = [];
  /** What the last drift check of each fleet found. */
  readonly #found = new Map<string, DriftFinding['kind']>();

  constructor(
    ports: Ports,
    parts: { readonly runs: Runs; readonly queues: ClusterQueues; readonly delivery: Delivery },
  ) {
    const { runs, queues } = parts;
    this.#ports = ports;
    this.#runs = runs;
    this.#queues = queues;
    this.#power = new Power({ ...ports, ...parts });
    this.#drift = new DriftCheck({ ...ports, ...parts });
    this.#collector = new Collector({ ...ports, ...parts });
    this.#schedule = new Schedule({
      ...ports,
      onError: (error) => ports.log.warn(errorFacts(error), 'a check on an interval failed'),
    });
  }

  /** Expires plans, now and every minute. */
  start(): void {
    void this.#schedule.now(() => this.#expire());
    this.#schedule.every(expiryEveryMs, () => this.#expire());
  }

  /** Begins the checks of the clusters. */
  begin({ powerIntervalMs, planIntervalMs, collectIntervalMs }: Intervals): void {
    const { fleets, log } = this.#ports;
    for (const name of new Set(fleets.map((fleet) => fleet.clusterName))) {
      const here = fleets.filter((fleet) => fleet.clusterName === name);
      this.#schedule.every(powerIntervalMs, () => this.#checkPower(name, here));
      this.#schedule.every(collectIntervalMs, async () => {
        await this.#queues.ifFree(name, () => this.#collector.collect(here));
      });
    }
    for (const fleet of fleets) {
      this.#schedule.every(planIntervalMs, async () => {
        const { kind } = await this.#check(fleet, false);
        log.debug({ fleet: fleet.name, finding: kind }, 'the cluster was compared with the applied commit');
      });
    }
  }

  /** Compares a fleet with its last applied commit now, because a person asked. */
  drift(fleet: Fleet): Promise<DriftFinding> {
    return this.#check(fleet, true);
  }

  /** What the last drift check of a fleet found; `undefined` when there was none since the start. */
  lastDrift(fleet: string): DriftFinding['kind'] | undefined {
    return this.#found.get(fleet);
  }

  /** Stops: no check begins any more. Resolves when the current checks are done. */
  stop(): Promise<void> {
    return this.#schedule.stop();
  }

  /**
   * Expires plans that nobody decided in time. An approval is refused from the exact millisecond of expiry on; this
   * only updates the runs.
   */
  async #expire(): Promise<void> {
    this.#endOffers();
    for (const run of this.#runs.all()) {
      const at = this.#ports.clock.now();
      if (run.phase === 'previewed' && at >= run.expiresAt) await this.#endPreview(run.id, at);
      if (run.phase !== 'planned') continue;
      if (at >= run.expiresAt) {
        await this.#runs.decide(run.id, (now) =>
          now.phase === 'planned' && now.expiresAt <= at ? { event: { type: 'expired', at } } : { refused: 'decided' },
        );
      } else if (at >= warnAt(run.plannedAt, run.expiresAt) && !this.#warned.has(run.plan.digest)) {
        this.#warned.add(run.plan.digest);
        this.#runs.warn(run.id);
      }
    }
  }

  /** Takes the button Roll back from cards whose window is over. */
  #endOffers(): void {
    const offering = this.#runs.all().flatMap((run) => (this.#runs.rollbackOf(run) === undefined ? [] : [run.id]));
    for (const id of this.#offering) if (!offering.includes(id)) this.#runs.refresh(id);
    this.#offering = offering;
  }

  async #check(fleet: Fleet, asked: boolean): Promise<DriftFinding> {
    const finding = await this.#drift.check(fleet, asked);
    this.#found.set(fleet.name, finding.kind);
    return finding;
  }

  /** Ends a preview that is old: the end of its request may not have been told. */
  async #endPreview(runId: string, at: number): Promise<void> {
    await this.#runs.decide(runId, (run) =>
      run.phase === 'previewed' && run.expiresAt <= at
        ? { event: { type: 'closed', at } }
        : { refused: 'previewed again' },
    );
  }

  async #checkPower(clusterName: string, fleets: readonly Fleet[]): Promise<void> {
    const since = this.#ports.clock.now() - listLagsMs;
    const applied = (run: Run) => 'steps' in run && 'endedAt' in run && run.endedAt > since;
    if (this.#runs.all().some((run) => fleets.some((fleet) => fleet.name === run.fleet) && applied(run))) return;
    await this.#queues.ifFree(clusterName, () => this.#power.check(fleets));
  }
}

/** The moment at which four fifths of a plan's time are over. */
export function warnAt(plannedAt: number, expiresAt: number): number {
  return plannedAt + (expiresAt - plannedAt) * 0.8;
}

/** Runs jobs on intervals; an interval begins when the job before is done. */
export class Schedule {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #callOff = new Set<() => void>();
  readonly #working = new Set<Promise<void>>();
  #stopped = false;

  constructor(options: { readonly clock: Clock; readonly onError: (error: unknown) => void }) {
    this.#clock = options.clock;
    this.#onError = options.onError;
  }

  /** Runs a job once, now. Resolves when the job is done; never rejects. */
  now(job: () => Promise<void>): Promise<void> {
    const working = job()
      .catch(this.#onError)
      .then(() => {
        this.#working.delete(working);
      });
    this.#working.add(working);
    return working;
  }

  /** Runs a job every `ms` milliseconds, for the first time in `ms`; with `undefined` never. */
  every(ms: number | undefined, job: () => Promise<void>): void {
    if (this.#stopped || ms === undefined) return;
    const callOff = this.#clock.after(ms, () => {
      this.#callOff.delete(callOff);
      void this.now(job).then(() => this.every(ms, job));
    });
    this.#callOff.add(callOff);
  }

  /** Stops: no job begins any more. Resolves when the current jobs are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const callOff of this.#callOff) callOff();
    await Promise.all(this.#working);
  }
}
