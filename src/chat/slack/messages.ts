import { LRUCache } from 'lru-cache';
import type { Log } from '../../log.ts';
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

/** Where a message is. */
export interface Address {
  readonly channel: string;
  readonly ts: string;
  /** Digests of the files its thread already has, so that none is sent twice, even after a restart. */
  readonly files: readonly string[];
}

const pattern = /^([A-Z][A-Z0-9]{1,30}):(\d{1,12}\.\d{1,9})(?::((?:[0-9a-f]{8}\+?){1,8}))?$/;

/** Our part of a `MessageRef`: `C0DEPLOY01:1795341360.000100`, with files `…:3f2a9c01+77aa01bc`. */
export function writeAddress({ channel, ts, files }: Address): string {
  const last = files.slice(-8).join('+');
  return [channel, ts, ...(last === '' ? [] : [last])].join(':');
}

/** `undefined` for anything we did not write. */
export function readAddress(text: string): Address | undefined {
  const [, channel, ts, files = ''] = pattern.exec(text) ?? [];
  if (channel === undefined || ts === undefined) return undefined;
  return { channel, ts, files: files.split('+').filter((digest) => digest !== '') };
}

/** The message alone, to compare and to find it again. */
export function addressKey({ channel, ts }: Pick<Address, 'channel' | 'ts'>): string {
  return `${channel}:${ts}`;
}

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
