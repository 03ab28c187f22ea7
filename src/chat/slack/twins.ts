import { type Address, addressKey } from './address.ts';

const size = 200;

/**
 * Second messages of one run. A post whose answer got lost may stand in the channel all the same, beside the one that
 * was posted then; nobody knows its ts until somebody presses a button on it. From then on it is edited too.
 */
export class Twins {
  readonly #runs = new Map<string, string>();
  readonly #pressed = new Map<string, readonly Address[]>();

  /** A run's card is shown here. */
  shown(runId: string, at: Address): void {
    remember(this.#runs, addressKey(at), runId);
  }

  /** A button of the run was pressed here. */
  pressed(runId: string, at: Address): void {
    const known = this.#pressed.get(runId) ?? [];
    if (known.every((other) => addressKey(other) !== addressKey(at))) remember(this.#pressed, runId, [...known, at]);
  }

  /** The other messages of the run that is shown here. */
  of(at: Address): readonly Address[] {
    const runId = this.#runs.get(addressKey(at));
    return (this.#pressed.get(runId ?? '') ?? []).filter((other) => addressKey(other) !== addressKey(at));
  }

  /** Cannot be edited: forgotten. */
  forget(at: Address): void {
    for (const [runId, known] of this.#pressed) {
      this.#pressed.set(
        runId,
        known.filter((other) => addressKey(other) !== addressKey(at)),
      );
    }
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > size && oldest !== undefined) map.delete(oldest);
}
