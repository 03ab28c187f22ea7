import type { Log } from '../../log.ts';
import { retryAfter } from './errors.ts';
import { pause } from './pause.ts';

/** Closes for one method while Slack says 429, and for no other: "rate-limited" means "not done", so it may be repeated. */
export class Gate {
  readonly #method: string;
  readonly #log: Log;
  readonly #stopped: AbortSignal;
  #open: Promise<void> = Promise.resolve();

  constructor(method: string, log: Log, stopped: AbortSignal) {
    this.#method = method;
    this.#log = log;
    this.#stopped = stopped;
  }

  /** Calls when the gate is open, up to five times. `call` is asked anew each time, so it can send newer data. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#open;
      this.#stopped.throwIfAborted();
      try {
        return await call();
      } catch (error) {
        const seconds = retryAfter(error);
        if (seconds === undefined || attempt === 5) throw error;
        this.#log.warn({ method: this.#method, seconds }, 'Slack asks to slow down');
        this.#open = pause(seconds * 1000, this.#stopped);
      }
    }
  }
}
