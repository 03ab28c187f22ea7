import type { Clock } from './clock.ts';
import type { Guest } from './guest.ts';

/** What the statistics daemon said of a guest at its last round. */
export interface Reported {
  readonly guest: Guest;
  readonly name: string;
  readonly isRunning: boolean;
  readonly startedAt: number | undefined;
}

/**
 * The daemon that reports every ten seconds: lists of guests show its last round, so a new guest is `unknown`
 * and a number that was used before shows the old name. With an interval of 0 everything is seen at once.
 */
export class Statistics {
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #reported = new Map<number, Reported>();
  #lastRound = 0;

  constructor(clock: Clock, seconds: number) {
    this.#clock = clock;
    this.#interval = seconds * 1000;
    this.#lastRound = clock.now();
  }

  /** Goes through the guests once more if a round is due. Call it before guests change and before they are read. */
  look(guests: readonly Guest[], nameOf: (guest: Guest) => string): void {
    const now = this.#clock.now();
    if (this.#interval > 0 && now - this.#lastRound < this.#interval) return;
    if (this.#interval > 0) this.#lastRound += Math.floor((now - this.#lastRound) / this.#interval) * this.#interval;
    this.#reported.clear();
    for (const guest of guests) {
      const { startedAt } = guest;
      this.#reported.set(guest.vmid, { guest, name: nameOf(guest), isRunning: startedAt !== undefined, startedAt });
    }
  }

  /** The last report about that number, which may be about a guest that is gone. */
  of(vmid: number): Reported | undefined {
    return this.#reported.get(vmid);
  }
}
