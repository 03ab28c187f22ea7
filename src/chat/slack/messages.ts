import { LRUCache } from 'lru-cache';
import type { Log } from '../../log.ts';
import type { SlackMessage } from './card.ts';
import { refusal, retryLater, slackError } from './errors.ts';
import type { SlackClients } from './web.ts';

/** The outcome of an edit. A `gone` or `closed` message (too old, or of another kind) accepts no further edit. */
export type Edited = 'done' | 'gone' | 'closed';

/**
 * Posts and edits messages in channels. Errors: `RetryLater` for a rate limit, `UserError` for a refusal, `Error` when Slack
 * cannot be reached.
 */
export class Messages {
  readonly #clients: SlackClients;
  readonly #log: Log;

  constructor(clients: SlackClients, log: Log) {
    this.#clients = clients;
    this.#log = log;
  }

  /**
   * Posts once. After a lost answer it is unknown whether the message exists, so the post is not repeated here. If the thread
   * is gone the message goes into the channel.
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
      this.#log.warn({ channel: at.channel, ts: at.ts, word }, 'a message can no longer be edited');
      return edited;
    }
  }

  /** Deletes a replaced message of the bot, whose buttons show an outdated state. */
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

/** The place of a message. */
export interface Address {
  readonly channel: string;
  readonly ts: string;
  /** Digests of the files in its thread, so that no file is sent twice, even after a restart. */
  readonly files: readonly string[];
}

const pattern = /^([A-Z][A-Z0-9]{1,30}):(\d{1,12}\.\d{1,9})(?::((?:[0-9a-f]{8}\+?){1,8}))?$/;

/** Slack's part of a `MessageRef`: `C0DEPLOY01:1795341360.000100`, with files `…:3f2a9c01+77aa01bc`. */
export function writeAddress({ channel, ts, files }: Address): string {
  const last = files.slice(-8).join('+');
  return [channel, ts, ...(last === '' ? [] : [last])].join(':');
}

/** `undefined` for a text that `writeAddress` did not write. */
export function readAddress(text: string): Address | undefined {
  const [, channel, ts, files = ''] = pattern.exec(text) ?? [];
  if (channel === undefined || ts === undefined) return undefined;
  return { channel, ts, files: files.split('+').filter((digest) => digest !== '') };
}

/** The key of a message, without its files. */
export function addressKey({ channel, ts }: Pick<Address, 'channel' | 'ts'>): string {
  return `${channel}:${ts}`;
}

const runsKept = 200;

/**
 * Duplicate messages of one run. After a lost answer the channel may hold a first post beside its repetition, because
 * chat.postMessage has no idempotency key. The ts of the first post is unknown until somebody presses a button on it; from
 * then on it is edited too.
 */
export class DuplicatePosts {
  /** Run ids by the key of the message that shows the run. */
  readonly #runs = new LRUCache<string, string>({ max: runsKept });
  /** By run id, the messages whose buttons were pressed. */
  readonly #pressed = new LRUCache<string, readonly Address[]>({ max: runsKept });

  /** Records the message that shows a run's card. */
  shown(runId: string, at: Address): void {
    this.#runs.set(addressKey(at), runId);
  }

  /** Records a message on which a button of the run was pressed. */
  pressed(runId: string, at: Address): void {
    const known = this.#pressed.get(runId) ?? [];
    if (known.every((other) => addressKey(other) !== addressKey(at))) this.#pressed.set(runId, [...known, at]);
  }

  /** The other messages of the run that this message shows. */
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
