/** Remembers the last so many keys. */
export class Recent {
  readonly #keys = new Set<string>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /** @returns false when the key was known. */
  add(key: string): boolean {
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    for (const oldest of this.#keys) {
      if (this.#keys.size <= this.#size) break;
      this.#keys.delete(oldest);
    }
    return true;
  }

  /** @returns whether the key was known. */
  delete(key: string): boolean {
    return this.#keys.delete(key);
  }
}
