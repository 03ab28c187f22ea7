import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../src/pipeline/ports.ts';

/** Lets everything that is ready run: promises of the fakes need no more than this. */
export async function turn(): Promise<void> {
  await setImmediate();
}

/** Turns until something holds; what never comes to hold is an error, not a wait for ever. */
export async function until(holds: () => boolean, what = 'the condition'): Promise<void> {
  for (let turns = 0; turns < 2000; turns++) {
    if (holds()) return;
    await turn();
  }
  throw new Error(`${what} did not come to hold: ${holds.toString()}`);
}

/** A promise that a test settles when it wants to. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

interface Timer {
  readonly at: number;
  readonly call: () => void;
}

/** Time that moves only when a test says so. */
export class ManualClock implements Clock {
  #now = Date.UTC(2026, 0, 5, 9);
  #timers: readonly Timer[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const timer: Timer = { at: this.#now + ms, call };
    this.#timers = [...this.#timers, timer];
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  /** How many calls wait for their time. */
  waiting(): number {
    return this.#timers.length;
  }

  /** Moves time, calling back what becomes due in its order; what that sets off runs before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await turn();
      const [due] = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
      if (due === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== due);
      this.#now = Math.max(this.#now, due.at);
      due.call();
    }
    this.#now = end;
  }

  /** The wall clock is set: nothing is called back for it. */
  jump(ms: number): void {
    this.#now += ms;
  }
}
