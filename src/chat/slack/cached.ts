/** Answers kept for `ttl` milliseconds; who asks for the same key at the same time waits for one call. Failures are not kept. */
export class Cached<T> {
  readonly #load: (key: string) => Promise<T>;
  readonly #ttl: number;
  readonly #now: () => number;
  readonly #kept = new Map<string, { readonly at: number; readonly value: Promise<T> }>();

  constructor(ttl: number, now: () => number, load: (key: string) => Promise<T>) {
    this.#ttl = ttl;
    this.#now = now;
    this.#load = load;
  }

  async get(key: string): Promise<T> {
    const age = this.#now() - (this.#kept.get(key)?.at ?? Number.NEGATIVE_INFINITY);
    const kept = this.#kept.get(key);
    // A clock that was set back makes an age negative: then ask again.
    if (kept !== undefined && age >= 0 && age < this.#ttl) return await kept.value;
    const entry = { at: this.#now(), value: this.#load(key) };
    this.#kept.set(key, entry);
    try {
      return await entry.value;
    } catch (error) {
      if (this.#kept.get(key) === entry) this.#kept.delete(key);
      throw error;
    }
  }
}
