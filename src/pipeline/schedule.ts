import type { Clock } from './ports.ts';

/** Does jobs every so often, each the next time only when it is over. */
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

  /** Beginning in `ms`; `undefined`: never. */
  every(ms: number | undefined, job: () => Promise<void>): void {
    if (this.#stopped || ms === undefined) return;
    const callOff = this.#clock.after(ms, () => {
      this.#callOff.delete(callOff);
      const working = job()
        .catch(this.#onError)
        .then(() => {
          this.#working.delete(working);
          this.every(ms, job);
        });
      this.#working.add(working);
    });
    this.#callOff.add(callOff);
  }

  /** No job begins any more; resolves when those at work are over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const callOff of this.#callOff) callOff();
    await Promise.all(this.#working);
  }
}
