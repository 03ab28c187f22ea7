import { applyRun } from './apply-run.ts';
import { planRun } from './plan-run.ts';
import type { Fleet, Ports } from './ports.ts';
import type { Lanes } from './queues.ts';
import type { Runs } from './runs.ts';

/** What runs do when their turn in the lane comes, and how it is called off. */
export class Work {
  readonly #ports: Ports;
  readonly #runs: Runs;
  readonly #lanes: Lanes;
  readonly #cancels = new Map<string, AbortController>();

  constructor(ports: Ports, runs: Runs, lanes: Lanes) {
    this.#ports = ports;
    this.#runs = runs;
    this.#lanes = lanes;
  }

  /** Plans a run when its turn comes. */
  plan(fleet: Fleet, runId: string): void {
    const signalFor = () => {
      const controller = new AbortController();
      this.#cancels.set(runId, controller);
      return controller.signal;
    };
    this.enter(fleet, runId, () => planRun(fleet, runId, { ...this.#ports, runs: this.#runs, signalFor }));
  }

  /** Applies a run when its turn comes. */
  apply(fleet: Fleet, runId: string): void {
    const cancelFor = () => this.#cancelFor(runId).signal;
    this.enter(fleet, runId, () => applyRun(fleet, runId, { ...this.#ports, runs: this.#runs, cancelFor }));
  }

  /** Ends the evaluation that is going on for a run: a newer commit took the place of the one it is for. */
  stopEvaluating(runId: string): void {
    this.#cancels.get(runId)?.abort();
  }

  /** Stops an apply at the next place where that is safe. */
  cancel(runId: string): void {
    this.#cancelFor(runId).abort();
  }

  /** Puts a job of a run into its fleet's lane. */
  enter(fleet: Fleet, runId: string, job: () => Promise<void>): void {
    const lane = fleet.clusterName;
    const onError = (error: unknown) =>
      this.#ports.log.error({ run: runId, err: error }, 'a job of the pipeline failed');
    const over = this.#lanes.enter(lane, runId, job, onError);
    // The card was drawn before the run stood in the lane.
    if (this.#lanes.queue(lane)[0] !== runId) this.#runs.refresh(runId);
    void over.then(() => {
      this.#cancels.delete(runId);
      // Whoever waits behind says so on its card, and that has changed.
      for (const waiting of this.#lanes.queue(lane)) this.#runs.refresh(waiting);
    });
  }

  #cancelFor(runId: string): AbortController {
    const controller = this.#cancels.get(runId) ?? new AbortController();
    this.#cancels.set(runId, controller);
    return controller;
  }
}
