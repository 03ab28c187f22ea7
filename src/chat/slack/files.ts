import { createHash } from 'node:crypto';
import type { webApi } from '@slack/bolt';
import { LRUCache } from 'lru-cache';
import { cleanText, oneLine } from '../../lib/text.ts';
import type { CardFile } from '../../views/card.ts';
import { retryLater, slackError } from './errors.ts';
import { limits } from './limits.ts';
import { type Address, addressKey } from './messages.ts';
import { clip } from './text.ts';
import type { SlackClients } from './web.ts';

/** Posts files into the threads of messages, each file once. */
export class Files {
  readonly #clients: SlackClients;
  /** Files that this process has sent, by message and file; the message's address lists files from before a restart. */
  readonly #sent = new LRUCache<string, true>({ max: 500 });

  constructor(clients: SlackClients) {
    this.#clients = clients;
  }

  /**
   * Adds the files of a card. @returns the address with all files in the thread
   * @throws RetryLater, or a `UserError` where Slack refuses
   */
  async attach(at: Address, files: readonly CardFile[]): Promise<Address> {
    const missing = files.filter((file) => !at.files.includes(fileDigest(file)));
    await this.#upload(this.#clients.files, at, missing);
    return { ...at, files: [...new Set([...at.files, ...missing.map(fileDigest)])] };
  }

  /** Adds the files of an answer. Same errors, but it waits for a rate limit, because an answer is sent once. */
  async answer(at: Pick<Address, 'channel' | 'ts'>, files: readonly CardFile[]): Promise<void> {
    await this.#upload(this.#clients.answers, at, files);
  }

  async #upload(
    client: webApi.WebClient,
    at: Pick<Address, 'channel' | 'ts'>,
    files: readonly CardFile[],
  ): Promise<void> {
    const keyOf = (file: CardFile): string => `${addressKey(at)}:${fileDigest(file)}`;
    const fresh = files.filter((file) => file.text !== '' && !this.#sent.has(keyOf(file)));
    if (fresh.length === 0) return;
    for (const file of fresh) this.#sent.set(keyOf(file), true);
    try {
      await client.filesUploadV2({ channel_id: at.channel, thread_ts: at.ts, file_uploads: fresh.map(drawFile) });
    } catch (error) {
      for (const file of fresh) this.#sent.delete(keyOf(file));
      throw retryLater(error, 'files') ?? slackError(error, `upload files to ${at.channel}`);
    }
  }
}

/** The digest of a file's content: eight hex digits. */
function fileDigest(file: CardFile): string {
  return createHash('sha256')
    .update(JSON.stringify([file.name, file.text]))
    .digest('hex')
    .slice(0, 8);
}

function drawFile(file: CardFile): { content: string; filename: string; title: string } {
  const filename = clip(file.name.replace(/[^\w.-]+/g, '-').replace(/^[.-]+/, ''), limits.file.name);
  return {
    content: cleanText(file.text) || ' ',
    filename: filename === '' ? 'text.txt' : filename,
    title: clip(oneLine(file.title), limits.file.title),
  };
}
