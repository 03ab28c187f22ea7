/** One queue per cluster: plans and applies of a cluster never run side by side. */
export class Lanes {
  readonly #last = new Map<string, Promise<void>>();
  /** Run ids in order; the first one is at work. */
  readonly #queues = new Map<string, string[]>();

  /** Runs a job of `runId` when everything before it in the lane is over. Resolves when it is; never rejects. */
  enter(lane: string, runId: string, job: () => Promise<void>, onError: (error: unknown) => void): Promise<void> {
    const queue = this.#queues.get(lane) ?? [];
    queue.push(runId);
    this.#queues.set(lane, queue);
    const done = (this.#last.get(lane) ?? Promise.resolve())
      .then(job)
      .catch(onError)
      .then(() => {
        queue.splice(queue.indexOf(runId), 1);
      });
    this.#last.set(lane, done);
    return done;
  }

  /** The run ids in a lane, the one at work first. */
  queue(lane: string): readonly string[] {
    return this.#queues.get(lane) ?? [];
  }

  /** Resolves when every lane is empty. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
