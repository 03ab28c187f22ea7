import type { Log } from '../../log.ts';
import { type Address, addressKey } from './address.ts';
import type { SlackMessage } from './card.ts';
import { refusal, retryLater, slackError } from './errors.ts';
import type { SlackClients } from './web.ts';

/** What became of an edit: a message that is `gone` or `closed` (too old, or of another kind) takes none any more. */
export type Edited = 'done' | 'gone' | 'closed';

/**
 * Posts and edits in channels. Errors are `RetryLater` where Slack limits the calls, a `UserError` where it refuses, an
 * `Error` where it cannot be reached.
 */
export class Messages {
  readonly #clients: SlackClients;
  readonly #log: Log;

  constructor(clients: SlackClients, log: Log) {
    this.#clients = clients;
    this.#log = log;
  }

  /**
   * Posts once: after a lost answer nobody knows whether the message is there, so it is not repeated here. A thread that
   * is gone is replaced by the channel.
   */
  async post(channel: string, message: SlackMessage, thread?: string): Promise<Address> {
    const where = thread === undefined ? { channel } : { channel, thread_ts: thread };
    try {
      const unfolded = { unfurl_links: false, unfurl_media: false };
      const posted = await this.#clients.posts.chat.postMessage({ ...where, ...body(message), ...unfolded });
      if (posted.ts === undefined) throw new Error('the answer holds no ts');
      return { channel: posted.channel ?? channel, ts: posted.ts, files: [] };
    } catch (error) {
      if (thread !== undefined && threadIsGone.has(refusal(error) ?? '')) return await this.post(channel, message);
      throw retryLater(error, 'chat.postMessage') ?? slackError(error, `post a message in ${channel}`);
    }
  }

  async edit(at: Address, message: SlackMessage): Promise<Edited> {
    try {
      const { channel, ts } = at;
      await this.#clients.edits.chat.update({ channel, ts, ...body(message) });
      return 'done';
    } catch (error) {
      const word = refusal(error) ?? '';
      const edited = cannotEdit[word];
      if (edited === undefined) {
        throw retryLater(error, 'chat.update') ?? slackError(error, `edit a message in ${at.channel}`);
      }
      this.#log.warn({ channel: at.channel, ts: at.ts, word }, 'a message cannot be edited any more');
      return edited;
    }
  }

  /** Takes a message of the bot away that another one has replaced: its buttons would show a state that is over. */
  async delete(at: Address): Promise<void> {
    try {
      const { channel, ts } = at;
      await this.#clients.edits.chat.delete({ channel, ts });
    } catch (error) {
      const reason = refusal(error) ?? (error instanceof Error ? error.message : String(error));
      this.#log.warn({ message: addressKey(at), reason }, 'a replaced message could not be deleted');
    }
  }
}

function body({ text, blocks }: SlackMessage): { text: string; blocks: SlackMessage['blocks'][number][] } {
  return { text, blocks: [...blocks] };
}

const cannotEdit: Readonly<Record<string, Edited>> = {
  message_not_found: 'gone',
  cant_update_message: 'gone',
  channel_not_found: 'gone',
  edit_window_closed: 'closed',
  block_mismatch: 'closed',
};

const threadIsGone: ReadonlySet<string> = new Set(['thread_not_found', 'message_not_found', 'cannot_reply_to_message']);
