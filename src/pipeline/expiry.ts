import type { Clock, Log } from './ports.ts';
import type { Runs } from './runs.ts';

const everyMs = 60_000;

/** Ends plans that nobody decided in time. A press on such a plan is refused to the millisecond; this tidies up. */
export class Expiry {
  readonly #runs: Runs;
  readonly #clock: Clock;
  readonly #log: Log;
  #stop: () => void = () => undefined;
  readonly #warned = new Set<string>();

  constructor(options: { readonly runs: Runs; readonly clock: Clock; readonly log: Log }) {
    this.#runs = options.runs;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  start(): void {
    void this.check().catch((error: unknown) => this.#log.error({ err: error }, 'expired plans could not be closed'));
    this.#stop = this.#clock.after(everyMs, () => this.start());
  }

  stop(): void {
    this.#stop();
  }

  /** Looks at every open plan once. */
  async check(): Promise<void> {
    for (const run of this.#runs.all()) {
      if (run.phase !== 'planned') continue;
      const at = this.#clock.now();
      if (at >= run.expiresAt) {
        await this.#runs.decide(run.id, (now) =>
          now.phase === 'planned' && now.expiresAt <= at ? { event: { type: 'expired', at } } : { refused: 'decided' },
        );
      } else if (at >= warnAt(run.plannedAt, run.expiresAt) && !this.#warned.has(run.plan.digest)) {
        this.#warned.add(run.plan.digest);
        this.#runs.warn(run.id);
      }
    }
  }
}

/** When a plan has used up four fifths of its time. */
export function warnAt(plannedAt: number, expiresAt: number): number {
  return plannedAt + (expiresAt - plannedAt) * 0.8;
}
