import PQueue from 'p-queue';

/** A run in a cluster's queue: it waits or it is the current one. */
export interface QueuedWork {
  readonly runId: string;
  readonly fleet: string;
}

interface ClusterQueue {
  readonly work: PQueue;
  /** In order of arrival; the first one is the current one. */
  readonly runs: QueuedWork[];
}

/** One queue per cluster: plans and applies of a cluster never run side by side. */
export class ClusterQueues {
  readonly #queues = new Map<string, ClusterQueue>();
  #closed = false;

  /** Runs a job of a run when all earlier jobs in the cluster's queue are done. Rejects as the job does. */
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
   * Runs a job at once when the queue is empty, and holds the queue until the job is done; `queue` does not show the
   * job.
   * @returns `undefined` when the queue was taken
   */
  async ifFree<T>(cluster: string, job: () => Promise<T>): Promise<T | undefined> {
    const { work, runs } = this.#of(cluster);
    return this.#closed || runs.length > 0 ? undefined : work.add(job);
  }

  /** The runs in a cluster's queue, the current one first. */
  queue(cluster: string): readonly QueuedWork[] {
    return this.#queues.get(cluster)?.runs ?? [];
  }

  /** Stops the queues: no job begins any more, the current jobs are finished. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves when every queue is empty. Waits for jobs that a job has added as well. */
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

/** The abort signals of runs: one stops the evaluation of a superseded commit, or an apply that a person cancels. */
export class Signals {
  readonly #controllers = new Map<string, AbortController>();

  /** The signal of a run. */
  of(runId: string): AbortSignal {
    return this.#of(runId).signal;
  }

  /** Replaces the signal of a run by a fresh one, which is not aborted. */
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
