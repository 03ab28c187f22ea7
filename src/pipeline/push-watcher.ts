import { errorFacts } from '../core/errors.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { Work } from './work.ts';

/** When a repository that could not be reached is tried again. */
const againMs = 30_000;

/**
 * Notices new commits: on a push, after the fleet was quiet for a moment, and on an interval. Ten pushes in a second
 * are one look, at the newest commit.
 */
export class PushWatcher {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #quietMs: number;
  readonly #work: Work;
  /** Calls off the look that a push waits for, by fleet. */
  readonly #waiting = new Map<string, () => void>();
  readonly #looking = new Map<string, Promise<void>>();
  readonly #polls = new Map<string, () => void>();
  #stopped = false;

  constructor(
    ports: { readonly clock: Clock; readonly log: Log; readonly pushQuietMs: number },
    { work }: { readonly work: Work },
  ) {
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#quietMs = ports.pushQuietMs;
    this.#work = work;
  }

  /** Something was pushed: looks when the fleet has been quiet for a moment. */
  pushed(fleet: Fleet): void {
    if (this.#stopped) return;
    this.#waiting.get(fleet.name)?.();
    this.#lookIn(fleet, this.#quietMs);
  }

  /** Looks now, after a look that is going on: that one may have read the branch too early. Never rejects. */
  look(fleet: Fleet, trigger: 'push' | 'poll'): Promise<void> {
    const look = (this.#looking.get(fleet.name) ?? Promise.resolve())
      .then(() => this.#work.look(fleet, trigger))
      .catch((error: unknown) => {
        this.#log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'the repository could not be looked at');
        // A push that could not be looked at is not forgotten, also where nobody polls.
        if (trigger === 'push' && !this.#stopped && !this.#waiting.has(fleet.name)) this.#lookIn(fleet, againMs);
      });
    this.#looking.set(fleet.name, look);
    return look;
  }

  /** Looks at a fleet every so often. */
  poll(fleet: Fleet, everyMs: number): void {
    if (this.#stopped) return;
    const callOff = this.#clock.after(everyMs, () => {
      void this.look(fleet, 'poll').finally(() => this.poll(fleet, everyMs));
    });
    this.#polls.set(fleet.name, callOff);
  }

  /** No look begins any more; resolves when those at work are over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const callOff of [...this.#waiting.values(), ...this.#polls.values()]) callOff();
    this.#waiting.clear();
    await Promise.all(this.#looking.values());
  }

  #lookIn(fleet: Fleet, ms: number): void {
    const callOff = this.#clock.after(ms, () => {
      this.#waiting.delete(fleet.name);
      void this.look(fleet, 'push');
    });
    this.#waiting.set(fleet.name, callOff);
  }
}
