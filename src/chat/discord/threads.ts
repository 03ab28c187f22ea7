import type { REST } from 'discord.js';
import type { Card, CardFile } from '../../views/card.ts';
import { discordCard, type MessageBody, messageBody } from './card.ts';
import { fileComponents, parcels } from './files.ts';
import type { MessagePlace } from './message-ref.ts';
import type { Nonces } from './nonces.ts';
import type { Patience } from './patience.ts';
import type { PostedFiles } from './posted-files.ts';
import { isGone } from './rest-errors.ts';
import { cut, oneLine } from './text.ts';
import { createMessage, threadOf } from './wire.ts';

export interface ThreadsOptions {
  readonly rest: REST;
  readonly nonces: Nonces;
  readonly posted: PostedFiles;
  readonly patience: Patience;
}

/** The threads of run messages. What goes into one thread goes there in the order in which it came. */
export class Threads {
  readonly #options: ThreadsOptions;
  readonly #known = new Map<string, string>();
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(options: ThreadsOptions) {
    this.#options = options;
  }

  /** A card, then its files; into the channel itself when there is no message (any more) to hang a thread on. */
  reply(channel: string, at: MessagePlace | undefined, card: Card): Promise<void> {
    const key = `reply ${at?.message ?? channel} ${JSON.stringify(card)}`;
    return this.#inOrder(at?.message ?? channel, async () => {
      const { body, files } = discordCard(card);
      const thread = await this.#open(at, card);
      await this.#post(thread ?? channel, body, [], key);
      const fresh = thread === undefined ? files : await this.#options.posted.missing(thread, files);
      await this.#postFiles(channel, thread, parcels(fresh));
      // only now: whoever replies again after a failure in between gets the same messages
      this.#options.nonces.done(key);
    });
  }

  /** The files of a card that the thread of its message does not have yet. */
  attach(at: MessagePlace, card: Card, files: readonly CardFile[]): Promise<void> {
    return this.#inOrder(at.message, async () => {
      const fresh = await this.#options.posted.missing(at.message, files);
      if (fresh.length === 0) return;
      const thread = await this.#open(at, card);
      if (thread !== undefined) await this.#postFiles(at.channel, thread, parcels(fresh));
    });
  }

  async #postFiles(channel: string, thread: string | undefined, all: readonly (readonly CardFile[])[]): Promise<void> {
    for (const files of all) {
      const key = `files ${thread ?? channel} ${JSON.stringify(files)}`;
      await this.#post(thread ?? channel, messageBody(fileComponents(files)), files, key);
      if (thread !== undefined) await this.#options.posted.add(thread, files);
      this.#options.nonces.done(key);
    }
  }

  async #post(target: string, body: MessageBody, files: readonly CardFile[], key: string): Promise<void> {
    const { rest, nonces, patience } = this.#options;
    const nonce = nonces.of(key);
    await patience.request(() => createMessage(rest, target, { body, files, nonce }));
  }

  /** The thread's id; `undefined` when its message is gone or was never there. */
  async #open(at: MessagePlace | undefined, card: Card): Promise<string | undefined> {
    if (at === undefined) return undefined;
    const known = this.#known.get(at.message);
    if (known !== undefined) return known;
    const name = cut(oneLine(card.title).trim(), 100) || 'proxnix';
    const { rest, patience } = this.#options;
    try {
      const thread = await patience.request(() => threadOf(rest, at.channel, at.message, name));
      this.#known.set(at.message, thread);
      return thread;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** One thing after the other for each message; what failed does not stop what comes after it. */
  async #inOrder(key: string, work: () => Promise<void>): Promise<void> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(key, mine);
    try {
      await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
