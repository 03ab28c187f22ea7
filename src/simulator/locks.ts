import type { Clock } from './clock.ts';

/** The lock file of each guest, which every change holds while it runs. Waiters go one after the other. */
export class GuestLocks {
  readonly #clock: Clock;
  readonly #holders = new Map<number, Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `work` while it holds the lock. After `patience` milliseconds of waiting throws `tooLate()`;
   * `onWait` is called when it has to wait.
   */
  async hold<T>(
    vmid: number,
    options: { patience: number; tooLate: () => Error; signal?: AbortSignal; onWait?: () => void },
    work: () => T | Promise<T>,
  ): Promise<T> {
    if (this.#holders.has(vmid)) options.onWait?.();
    // One of several waiters gets the lock; the others find it held again and continue to wait.
    while (this.#holders.has(vmid)) await this.#free(vmid, options);
    let release: () => void = () => undefined;
    this.#holders.set(
      vmid,
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    try {
      return await work();
    } finally {
      this.#holders.delete(vmid);
      release();
    }
  }

  async #free(vmid: number, options: { patience: number; tooLate: () => Error; signal?: AbortSignal }): Promise<void> {
    const enough = new AbortController();
    const signal = options.signal === undefined ? enough.signal : AbortSignal.any([options.signal, enough.signal]);
    const late = this.#clock.wait(options.patience, signal).then(() => true);
    late.catch(() => undefined);
    try {
      const freed = this.#holders.get(vmid)?.then(() => false);
      if (await Promise.race([late, freed])) throw options.tooLate();
    } finally {
      enough.abort();
    }
  }
}
