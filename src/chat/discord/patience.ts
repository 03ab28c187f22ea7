import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../core/errors.ts';
import { waitAsTold } from './wire.ts';

/** A rate limit that lasts longer is the caller's: a card that old is better drawn anew. */
const longestWait = 60_000;

/** Waiting that ends with the chat. */
export class Patience {
  readonly #ended = new AbortController();

  end(): void {
    this.#ended.abort();
  }

  /** Rejects when the chat was stopped. */
  check(): void {
    if (this.#ended.signal.aborted) throw new UserError('The Discord chat is stopped.');
  }

  async sleep(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#ended.signal }).catch(() => this.check());
  }

  /** Milliseconds to wait before a request is sent again; `undefined`: it failed. */
  retryIn(error: unknown): number | undefined {
    return waitAsTold(error, longestWait);
  }

  /** A request, sent again after each wait that Discord asks for. */
  async request<T>(send: () => Promise<T>): Promise<T> {
    for (;;) {
      this.check();
      try {
        return await send();
      } catch (error) {
        const pause = this.retryIn(error);
        if (pause === undefined) throw error;
        await this.sleep(pause);
      }
    }
  }
}
