/** The newest of a series, oldest first: at most `count` of them, and at most `bytes` unless the newest alone is more. */
export class Newest<T> {
  readonly #limits: { readonly count: number; readonly bytes: number };
  readonly #kept: { readonly item: T; readonly bytes: number }[] = [];
  #bytes = 0;

  constructor(limits: { readonly count: number; readonly bytes: number }) {
    this.#limits = limits;
  }

  /** @param bytes what the item takes */
  add(item: T, bytes: number): void {
    this.#kept.push({ item, bytes });
    this.#bytes += bytes;
    while (this.#kept.length > this.#limits.count || (this.#bytes > this.#limits.bytes && this.#kept.length > 1)) {
      this.#bytes -= this.#kept.shift()?.bytes ?? 0;
    }
  }

  items(): readonly T[] {
    return this.#kept.map(({ item }) => item);
  }
}
