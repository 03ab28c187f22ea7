import { errorFacts } from '../core/errors.ts';
import type { Clock, Fleet, Log } from './ports.ts';

/** When a repository that could not be reached is tried again. */
const againMs = 30_000;

/**
 * Notices new commits: on a push, after the fleet was quiet for a moment, and on an interval. Ten pushes in a second
 * are one look, at the newest commit.
 */
export class Watch {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #quietMs: number;
  readonly #look: (fleet: Fleet, trigger: 'push' | 'poll') => Promise<void>;
  readonly #waiting = new Map<string, () => void>();
  readonly #looking = new Map<string, Promise<void>>();
  #stopped = false;
  readonly #polls = new Map<string, () => void>();

  constructor(options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly quietMs: number;
    readonly look: (fleet: Fleet, trigger: 'push' | 'poll') => Promise<void>;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#quietMs = options.quietMs;
    this.#look = options.look;
  }

  /** Something was pushed: looks when the fleet has been quiet for a moment. */
  pushed(fleet: Fleet): void {
    if (this.#stopped) return;
    this.#waiting.get(fleet.name)?.();
    const callOff = this.#clock.after(this.#quietMs, () => {
      this.#waiting.delete(fleet.name);
      void this.look(fleet, 'push');
    });
    this.#waiting.set(fleet.name, callOff);
  }

  /** Looks now, after a look that is going on: that one may have read the branch too early. Never rejects. */
  look(fleet: Fleet, trigger: 'push' | 'poll'): Promise<void> {
    const look = (this.#looking.get(fleet.name) ?? Promise.resolve())
      .then(() => this.#look(fleet, trigger))
      .catch((error: unknown) => {
        this.#log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'the repository could not be looked at');
        if (trigger === 'push') this.#again(fleet);
      });
    this.#looking.set(fleet.name, look);
    return look;
  }

  /** A push that could not be looked at is not forgotten, also where nobody polls. */
  #again(fleet: Fleet): void {
    if (this.#stopped || this.#waiting.has(fleet.name)) return;
    const callOff = this.#clock.after(againMs, () => {
      this.#waiting.delete(fleet.name);
      void this.look(fleet, 'push');
    });
    this.#waiting.set(fleet.name, callOff);
  }

  /** Looks at a fleet every so often. */
  poll(fleet: Fleet, everyMs: number): void {
    const next = (): void => {
      if (this.#stopped) return;
      const callOff = this.#clock.after(everyMs, () => {
        void this.look(fleet, 'poll').finally(next);
      });
      this.#polls.set(fleet.name, callOff);
    };
    next();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const callOff of [...this.#waiting.values(), ...this.#polls.values()]) callOff();
    this.#waiting.clear();
    await Promise.all(this.#looking.values());
  }
}
