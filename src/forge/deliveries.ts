/** The delivery ids of late. A forge that sends one again gets an answer and nothing else happens. */
export class RecentDeliveries {
  readonly #limit: number;
  readonly #ids = new Set<string>();

  /** @param limit how many ids are kept; the oldest is forgotten first */
  constructor(limit = 1_000) {
    this.#limit = limit;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= this.#limit) return;
      this.#ids.delete(oldest);
    }
  }
}
