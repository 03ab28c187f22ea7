import { toFailure } from '../core/errors.ts';
import { cut, oneLine } from '../lib/text.ts';
import type { Reached } from '../views/overview.ts';
import type { Clock } from './ports.ts';

const longestProblem = 300;

/** Remembers whether what is outside of the bot answered when it was used last. It asks nothing by itself. */
export class Reachability {
  readonly #clock: Clock;
  readonly #last = new Map<string, Reached>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes a call and remembers whether it succeeded. */
  async watch<T>(kind: Reached['kind'], name: string, call: () => Promise<T>): Promise<T> {
    try {
      const result = await call();
      this.note(kind, name);
      return result;
    } catch (error) {
      this.note(kind, name, { error });
      throw error;
    }
  }

  /** Remembers that a call succeeded, or failed with an error. */
  note(kind: Reached['kind'], name: string, failed?: { readonly error: unknown }): void {
    const lastAt = failed === undefined ? this.#clock.now() : this.#last.get(keyOf(kind, name))?.lastAt;
    this.#last.set(keyOf(kind, name), {
      kind,
      name,
      state: failed === undefined ? 'well' : 'failing',
      ...(lastAt === undefined ? {} : { lastAt }),
      ...(failed === undefined ? {} : { problem: problemOf(failed.error) }),
    });
  }

  /** What is known of it. */
  of(kind: Reached['kind'], name: string): Reached {
    return this.#last.get(keyOf(kind, name)) ?? { kind, name, state: 'unknown' };
  }
}

function keyOf(kind: string, name: string): string {
  return `${kind} ${name}`;
}

function problemOf(error: unknown): string {
  return cut(oneLine(toFailure(error).message), longestProblem);
}
