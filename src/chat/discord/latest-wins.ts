/** A piece of work that shows the newest state when it runs. */
type Job<T> = () => Promise<T>;

interface Waiting<T> {
  readonly job: Job<T>;
  readonly callers: readonly { resolve(value: T): void; reject(error: unknown): void }[];
}

export interface LatestWinsOptions {
  /** Milliseconds to wait before the work is tried again; `undefined`: the error is for the callers. */
  readonly retryIn: (error: unknown) => number | undefined;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * One job in flight for each key. A newer job replaces the one that waits, behind another or for a rate limit, and its
 * outcome is the outcome of all that it replaced. Keys do not wait for each other.
 */
export class LatestWins<T> {
  readonly #options: LatestWinsOptions;
  readonly #lanes = new Map<string, { next: Waiting<T> | undefined }>();

  constructor(options: LatestWinsOptions) {
    this.#options = options;
  }

  run(key: string, job: Job<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const lane = this.#lanes.get(key);
      const callers = [...(lane?.next?.callers ?? []), { resolve, reject }];
      if (lane !== undefined) {
        lane.next = { job, callers };
        return;
      }
      const fresh = { next: { job, callers } };
      this.#lanes.set(key, fresh);
      void this.#drain(key, fresh);
    });
  }

  async #drain(key: string, lane: { next: Waiting<T> | undefined }): Promise<void> {
    while (lane.next !== undefined) {
      const current = lane.next;
      lane.next = undefined;
      try {
        const value = await current.job();
        for (const caller of current.callers) caller.resolve(value);
      } catch (error) {
        lane.next = await this.#again(error, current, lane);
      }
    }
    this.#lanes.delete(key);
  }

  /** What to do after a failure: the newest job for everybody who waits, or nothing more for those who waited. */
  async #again(
    error: unknown,
    failed: Waiting<T>,
    lane: { readonly next: Waiting<T> | undefined },
  ): Promise<Waiting<T> | undefined> {
    const pause = this.#options.retryIn(error);
    const stopped = pause === undefined ? error : await this.#options.sleep(pause).then(() => undefined, toError);
    if (stopped === undefined) {
      const callers = [...failed.callers, ...(lane.next?.callers ?? [])];
      return { job: lane.next?.job ?? failed.job, callers };
    }
    for (const caller of failed.callers) caller.reject(stopped);
    return lane.next;
  }
}

function toError(error: unknown): unknown {
  return error ?? new Error('waiting was ended');
}
