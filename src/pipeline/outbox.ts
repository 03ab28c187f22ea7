import { errorFacts, UserError } from '../core/errors.ts';
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
  /** It is not sent before this time. */
  readonly dueAt: number;
}

/**
 * What is on its way to one forge: one call after the other, and of several about one subject only the newest. A call
 * that fails is made again later, and nobody waits for it. Where the forge itself is away or asks to wait, everything
 * waits; a call that it refuses holds up no other one.
 */
export class Outbox {
  readonly #clock: Clock;
  readonly #log: Log;
  /** The name of the fleet, for the log. */
  readonly #fleet: string;
  /** By subject, in the order in which they came. */
  readonly #letters = new Map<string, Letter>();
  #working: Promise<void> | undefined;
  /** How often in a row the forge was away. */
  #failures = 0;
  #heldUntil = 0;
  #callOff: () => void = () => undefined;

  constructor({ clock, log, fleet }: { readonly clock: Clock; readonly log: Log; readonly fleet: string }) {
    this.#clock = clock;
    this.#log = log;
    this.#fleet = fleet;
  }

  /** Sends something about a subject, in place of what still waits about it; returns at once. */
  put(subject: string, send: () => Promise<void>): void {
    this.#letters.delete(subject);
    this.#letters.set(subject, { send, tries: 0, dueAt: this.#clock.now() });
    void this.#work();
  }

  /** Tries what waits now. Resolves when each letter is sent or has failed, or when the forge is away. */
  flush(): Promise<void> {
    this.#heldUntil = 0;
    for (const [subject, letter] of this.#letters) this.#letters.set(subject, { ...letter, dueAt: 0 });
    return this.#work();
  }

  #work(): Promise<void> {
    this.#callOff();
    this.#working ??= this.#sendDue().finally(() => {
      this.#working = undefined;
      this.#workLater();
    });
    return this.#working;
  }

  async #sendDue(): Promise<void> {
    for (let next = this.#firstDue(); next !== undefined; next = this.#firstDue()) {
      const [subject, letter] = next;
      this.#letters.delete(subject);
      try {
        await letter.send();
        this.#failures = 0;
      } catch (error) {
        this.#failed(subject, letter, error);
      }
    }
  }

  #firstDue(): readonly [string, Letter] | undefined {
    const now = this.#clock.now();
    if (now < this.#heldUntil) return undefined;
    return [...this.#letters].find(([, { dueAt }]) => dueAt <= now);
  }

  #failed(subject: string, letter: Letter, error: unknown): void {
    const isBusy = error instanceof ForgeBusy;
    const isRefused = error instanceof UserError && !error.mayPass;
    const tries = letter.tries + (isBusy ? 0 : 1);
    const wait = Math.min(backoffMs.first * 2 ** (isRefused ? letter.tries : this.#failures), backoffMs.most);
    const retryInMs = Math.min(Math.max(wait, isBusy ? (error.ms ?? 0) : 0), longestWaitMs);
    const dueAt = this.#clock.now() + retryInMs;
    if (!isRefused) {
      this.#failures += 1;
      this.#heldUntil = dueAt;
    }
    const facts = { fleet: this.#fleet, subject, ...(isBusy ? { why: error.message } : errorFacts(error)) };
    if (tries >= mostTries) {
      this.#log.error(facts, 'the forge does not take a message, and it is dropped');
      return;
    }
    this.#log.warn({ ...facts, retryInMs }, 'the forge did not take a message');
    // Something newer about the subject may have come meanwhile.
    if (!this.#letters.has(subject)) this.#letters.set(subject, { ...letter, tries, dueAt });
  }

  #workLater(): void {
    if (this.#letters.size === 0) return;
    const dueAt = Math.max(this.#heldUntil, Math.min(...[...this.#letters.values()].map((letter) => letter.dueAt)));
    this.#callOff = this.#clock.after(Math.max(0, dueAt - this.#clock.now()), () => void this.#work());
  }
}
