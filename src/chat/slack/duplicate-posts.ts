import { LRUCache } from 'lru-cache';
import { type Address, addressKey } from './address.ts';

const runsKept = 200;

/**
 * Second messages of one run. A post whose answer got lost may stand in the channel beside the one that was posted in
 * its place; chat.postMessage has no idempotency key, so its ts is unknown until somebody presses a button on it. From
 * then on it is edited too.
 */
export class DuplicatePosts {
  /** Run ids by the key of the message that shows the run. */
  readonly #runs = new LRUCache<string, string>({ max: runsKept });
  /** By run id, the messages whose buttons were pressed. */
  readonly #pressed = new LRUCache<string, readonly Address[]>({ max: runsKept });

  /** A run's card is shown at this message. */
  shown(runId: string, at: Address): void {
    this.#runs.set(addressKey(at), runId);
  }

  /** A button of the run was pressed on this message. */
  pressed(runId: string, at: Address): void {
    const known = this.#pressed.get(runId) ?? [];
    if (known.every((other) => addressKey(other) !== addressKey(at))) this.#pressed.set(runId, [...known, at]);
  }

  /** The other messages of the run that is shown at this one. */
  of(at: Address): readonly Address[] {
    const runId = this.#runs.get(addressKey(at));
    return (this.#pressed.get(runId ?? '') ?? []).filter((other) => addressKey(other) !== addressKey(at));
  }

  /** Forgets a message that cannot be edited. */
  forget(at: Address): void {
    for (const [runId, known] of [...this.#pressed.entries()]) {
      this.#pressed.set(
        runId,
        known.filter((other) => addressKey(other) !== addressKey(at)),
      );
    }
  }
}
