import type { Log } from '../../log.ts';
import { type Address, addressKey, readAddress } from './address.ts';
import type { SlackMessage } from './card.ts';
import { Edits } from './edits.ts';
import { refusal, slackError } from './errors.ts';
import { Gate } from './gate.ts';
import type { SlackClients } from './web.ts';

/** Posts and edits in channels. Errors are a `UserError` where Slack refuses, an `Error` where it cannot be reached. */
export class Messages {
  readonly #clients: SlackClients;
  readonly #log: Log;
  readonly #posting: Gate;
  readonly #edits: Edits;

  constructor(clients: SlackClients, log: Log, stopped: AbortSignal) {
    this.#clients = clients;
    this.#log = log;
    this.#posting = new Gate('chat.postMessage', log, stopped);
    this.#edits = new Edits(new Gate('chat.update', log, stopped), (key, message) => this.#update(key, message));
  }

  /** Posts once: after a lost answer nobody knows whether the message is there, so it is never repeated here. */
  async post(channel: string, message: SlackMessage, thread?: string): Promise<Address> {
    const where = thread === undefined ? { channel } : { channel, thread_ts: thread };
    try {
      const posted = await this.#posting.run(() =>
        this.#clients.posts.chat.postMessage({ ...where, ...body(message), unfurl_links: false, unfurl_media: false }),
      );
      if (posted.ts === undefined) throw new Error('the answer holds no ts');
      return { channel: posted.channel ?? channel, ts: posted.ts, files: [] };
    } catch (error) {
      if (thread !== undefined && threadIsGone.has(refusal(error) ?? '')) return await this.post(channel, message);
      throw slackError(error, `post a message in ${channel}`);
    }
  }

  /** @returns false when the message cannot be edited any more: it is gone, or too old. */
  async edit(at: Address, message: SlackMessage): Promise<boolean> {
    try {
      await this.#edits.edit(addressKey(at), message);
      return true;
    } catch (error) {
      const word = refusal(error) ?? '';
      if (!cannotEdit.has(word)) throw slackError(error, `edit a message in ${at.channel}`);
      this.#log.warn({ channel: at.channel, ts: at.ts, word }, 'a message cannot be edited any more');
      return false;
    }
  }

  async #update(key: string, message: SlackMessage): Promise<void> {
    const at = readAddress(key);
    if (at === undefined) throw new TypeError(`no address: ${key}`);
    await this.#clients.edits.chat.update({ channel: at.channel, ts: at.ts, ...body(message) });
  }
}

function body({ text, blocks }: SlackMessage): { text: string; blocks: SlackMessage['blocks'][number][] } {
  return { text, blocks: [...blocks] };
}

const cannotEdit: ReadonlySet<string> = new Set([
  'message_not_found',
  'edit_window_closed',
  'cant_update_message',
  'block_mismatch',
  'channel_not_found',
]);

const threadIsGone: ReadonlySet<string> = new Set(['thread_not_found', 'message_not_found', 'cannot_reply_to_message']);
