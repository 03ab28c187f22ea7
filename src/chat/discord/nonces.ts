import { createHash } from 'node:crypto';

/** Discord takes 25 characters, unique for each author. */
const length = 24;
const keep = 1000;

/**
 * Nonces for new messages. Discord answers a second create with the same nonce, within some minutes, with the first
 * message. So a key keeps its nonce until its message is known to be there: when the answer was lost, and also when the
 * bot was restarted before it could save where the message is.
 */
export class Nonces {
  readonly #sent = new Map<string, number>();

  of(key: string): string {
    const id = digest(key);
    return digest(`${this.#sent.get(id) ?? 0} ${id}`).slice(0, length);
  }

  /** The message is there: the next one of this key is another message. */
  done(key: string): void {
    const id = digest(key);
    const count = this.#sent.get(id) ?? 0;
    this.#sent.delete(id);
    this.#sent.set(id, count + 1);
    for (const oldest of this.#sent.keys()) if (this.#sent.size > keep) this.#sent.delete(oldest);
  }
}

/** Keys hold whole cards; their digests are what is remembered. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
