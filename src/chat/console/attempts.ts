export interface AttemptOptions {
  readonly limit: number;
  readonly windowMs: number;
  readonly now: () => number;
}

/** Counts failures by address over a window of time. Addresses whose window is over are forgotten. */
export class Attempts {
  readonly #options: AttemptOptions;
  readonly #failures = new Map<string, { count: number; readonly until: number }>();

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  allowed(address: string): boolean {
    const failure = this.#failures.get(address);
    return failure === undefined || failure.until <= this.#options.now() || failure.count < this.#options.limit;
  }

  failed(address: string): void {
    const now = this.#options.now();
    for (const [known, { until }] of this.#failures) {
      if (until <= now) this.#failures.delete(known);
    }
    const failure = this.#failures.get(address) ?? { count: 0, until: now + this.#options.windowMs };
    failure.count += 1;
    this.#failures.set(address, failure);
  }
}
