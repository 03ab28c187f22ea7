/** One queue per cluster: plans and applies of a cluster never run side by side. */
export class Lanes {
  readonly #last = new Map<string, Promise<void>>();
  /** Run ids in order; the first one is at work. */
  readonly #queues = new Map<string, string[]>();
  #closed = false;

  /** Runs a job of `runId` when everything before it in the lane is over. Resolves when it is; never rejects. */
  enter(lane: string, runId: string, job: () => Promise<void>, onError: (error: unknown) => void): Promise<void> {
    const queue = this.#queues.get(lane) ?? [];
    queue.push(runId);
    this.#queues.set(lane, queue);
    const done = (this.#last.get(lane) ?? Promise.resolve())
      .then(() => (this.#closed ? undefined : job()))
      .catch(onError)
      .then(() => {
        queue.splice(queue.indexOf(runId), 1);
      });
    this.#last.set(lane, done);
    return done;
  }

  /**
   * Runs a job at once when no run is in the lane, and holds the lane as long as it lasts; it stands in no queue.
   * @returns `undefined` when the lane was taken
   */
  async ifFree<T>(lane: string, job: () => Promise<T>): Promise<T | undefined> {
    if (this.#closed || this.queue(lane).length > 0) return undefined;
    const done = (this.#last.get(lane) ?? Promise.resolve()).then(job);
    this.#last.set(
      lane,
      done.then(
        () => undefined,
        () => undefined,
      ),
    );
    return done;
  }

  /** The run ids in a lane, the one at work first. */
  queue(lane: string): readonly string[] {
    return this.#queues.get(lane) ?? [];
  }

  /** From now on no job begins; the ones at work go on. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves when every lane is empty, also of jobs that a job has added. */
  async idle(): Promise<void> {
    let last: readonly Promise<void>[] = [];
    for (;;) {
      const now = [...this.#last.values()];
      if (now.length === last.length && now.every((one, index) => one === last[index])) return;
      await Promise.all(now);
      last = now;
    }
  }
}
