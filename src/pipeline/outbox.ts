import { errorFacts } from '../core/errors.ts';
import { ForgeBusy } from '../forge/forge.ts';
import type { Clock, Log } from './ports.ts';

/** The wait after a failed call: it doubles with each failure in a row, from the first value up to the second. */
const backoffMs = { first: 5_000, most: 10 * 60_000 } as const;
/** The longest wait that a forge may ask for. */
const longestWaitMs = 60 * 60_000;
/** How often one call is tried; a wait that the forge asks for does not count. */
const mostTries = 10;

interface Letter {
  readonly send: () => Promise<void>;
  readonly tries: number;
}

/**
 * What is on its way to one forge: one call after the other, and of several about one subject only the newest. A call
 * that fails is made again later, and nobody waits for it.
 */
export class Outbox {
  readonly #clock: Clock;
  readonly #log: Log;
  /** The name of the fleet, for the log. */
  readonly #fleet: string;
  /** By subject, in the order in which they are tried. */
  readonly #letters = new Map<string, Letter>();
  #working: Promise<void> | undefined;
  #failures = 0;
  /** Ends the wait before the next try; absent: nothing is waited for. */
  #callOff: (() => void) | undefined;

  constructor({ clock, log, fleet }: { readonly clock: Clock; readonly log: Log; readonly fleet: string }) {
    this.#clock = clock;
    this.#log = log;
    this.#fleet = fleet;
  }

  /** Sends something about a subject, in place of what still waits about it; returns at once. */
  put(subject: string, send: () => Promise<void>): void {
    this.#letters.delete(subject);
    this.#letters.set(subject, { send, tries: 0 });
    if (this.#callOff === undefined) void this.#work();
  }

  /** Tries what waits now. Resolves when all of it is sent, or when a call has failed. */
  flush(): Promise<void> {
    this.#release();
    return this.#work();
  }

  #work(): Promise<void> {
    this.#working ??= this.#sendAll().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#first(); next !== undefined; next = this.#first()) {
      const [subject, letter] = next;
      this.#letters.delete(subject);
      try {
        await letter.send();
        this.#failures = 0;
      } catch (error) {
        this.#failed(subject, letter, error);
        return;
      }
    }
  }

  #first(): readonly [string, Letter] | undefined {
    const [first] = this.#letters;
    return first;
  }

  #failed(subject: string, letter: Letter, error: unknown): void {
    const facts = {
      fleet: this.#fleet,
      subject,
      ...(error instanceof ForgeBusy ? { why: error.message } : errorFacts(error)),
    };
    const tries = letter.tries + (error instanceof ForgeBusy ? 0 : 1);
    // Something newer about the subject may have come meanwhile.
    if (tries < mostTries && !this.#letters.has(subject)) this.#letters.set(subject, { ...letter, tries });
    const backoff = Math.min(backoffMs.first * 2 ** this.#failures, backoffMs.most);
    const asked = error instanceof ForgeBusy ? (error.ms ?? 0) : 0;
    const retryInMs = Math.min(Math.max(asked, backoff), longestWaitMs);
    this.#failures += 1;
    if (tries < mostTries) this.#log.warn({ ...facts, retryInMs }, 'the forge did not take a message');
    else this.#log.error(facts, 'the forge does not take a message, and it is dropped');
    this.#callOff = this.#clock.after(retryInMs, () => {
      this.#release();
      void this.#work();
    });
  }

  #release(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }
}
