import PQueue from 'p-queue';

/** A run that waits for its turn, or has it. */
export interface QueuedWork {
  readonly runId: string;
  readonly fleet: string;
}

interface ClusterQueue {
  readonly work: PQueue;
  /** In order; the first one is at work. */
  readonly runs: QueuedWork[];
}

/** One queue per cluster: plans and applies of a cluster never run side by side. */
export class ClusterQueues {
  readonly #queues = new Map<string, ClusterQueue>();
  #closed = false;

  /** Runs a job of a run when everything before it in the cluster's queue is over. Rejects as the job does. */
  async enter(cluster: string, run: QueuedWork, job: () => Promise<void>): Promise<void> {
    const { work, runs } = this.#of(cluster);
    runs.push(run);
    try {
      await work.add(async () => (this.#closed ? undefined : job()));
    } finally {
      runs.splice(runs.indexOf(run), 1);
    }
  }

  /**
   * Runs a job at once when no run is in the queue, and holds the queue as long as it lasts; `queue` does not show it.
   * @returns `undefined` when the queue was taken
   */
  async ifFree<T>(cluster: string, job: () => Promise<T>): Promise<T | undefined> {
    const { work, runs } = this.#of(cluster);
    return this.#closed || runs.length > 0 ? undefined : work.add(job);
  }

  /** The runs in a cluster's queue, the one at work first. */
  queue(cluster: string): readonly QueuedWork[] {
    return this.#queues.get(cluster)?.runs ?? [];
  }

  /** From now on no job begins; the ones at work go on. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves when every queue is empty, also of jobs that a job has added. */
  async idle(): Promise<void> {
    const busy = () =>
      [...this.#queues.values()].filter(({ work, runs }) => work.pending + work.size + runs.length > 0);
    for (let queues = busy(); queues.length > 0; queues = busy()) {
      await Promise.all(queues.map(({ work }) => work.onIdle()));
    }
  }

  #of(cluster: string): ClusterQueue {
    const queue = this.#queues.get(cluster) ?? { work: new PQueue({ concurrency: 1 }), runs: [] };
    this.#queues.set(cluster, queue);
    return queue;
  }
}

/** By which the work on a run is called off: the evaluation for a commit that is overtaken, an apply that is cancelled. */
export class Signals {
  readonly #controllers = new Map<string, AbortController>();

  /** The signal of a run. */
  of(runId: string): AbortSignal {
    return this.#of(runId).signal;
  }

  /** A new signal of a run: it is not aborted, whatever became of the one before. */
  renew(runId: string): AbortSignal {
    this.#controllers.delete(runId);
    return this.of(runId);
  }

  abort(runId: string): void {
    this.#of(runId).abort();
  }

  forget(runId: string): void {
    this.#controllers.delete(runId);
  }

  #of(runId: string): AbortController {
    const controller = this.#controllers.get(runId) ?? new AbortController();
    this.#controllers.set(runId, controller);
    return controller;
  }
}
