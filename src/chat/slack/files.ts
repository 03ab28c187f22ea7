import { createHash } from 'node:crypto';
import { cleanText, oneLine } from '../../lib/text.ts';
import type { Log } from '../../log.ts';
import type { CardFile } from '../../views/card.ts';
import { type Address, addressKey } from './address.ts';
import { refusal } from './errors.ts';
import { Gate } from './gate.ts';
import { limits } from './limits.ts';
import { clip } from './literal.ts';
import { Recent } from './recent.ts';
import type { SlackClients } from './web.ts';

/** Files in threads. They belong to a message that already stands: a failed upload is logged and never fails the message. */
export class Files {
  readonly #client: SlackClients['files'];
  readonly #log: Log;
  readonly #gate: Gate;
  readonly #sent = new Recent(500);
  readonly #lost = new Recent(500);

  constructor(clients: SlackClients, log: Log, stopped: AbortSignal) {
    this.#client = clients.files;
    this.#log = log;
    this.#gate = new Gate('files', log, stopped);
  }

  /** The files that the thread does not have, as far as `at.files` says; those that failed before are asked for again once. */
  missing(at: Address, files: readonly CardFile[]): readonly CardFile[] {
    return files.filter((file) => {
      const digest = fileDigest(file);
      return !at.files.includes(digest) || this.#lost.delete(`${addressKey(at)}:${digest}`);
    });
  }

  /** Sends what was not sent by this process yet. */
  async send(at: Address, files: readonly CardFile[]): Promise<void> {
    const fresh = files.filter((file) => file.text !== '' && this.#sent.add(`${addressKey(at)}:${fileDigest(file)}`));
    if (fresh.length === 0) return;
    const where = { channel_id: at.channel, thread_ts: at.ts };
    try {
      const file_uploads = fresh.map(drawFile);
      await this.#gate.run(() => this.#client.filesUploadV2({ ...where, file_uploads }));
    } catch (error) {
      const keys = fresh.map((file) => `${addressKey(at)}:${fileDigest(file)}`);
      for (const key of keys) this.#sent.delete(key);
      // A refusal is final until somebody changes the app; anything else may pass with the next state of the card.
      for (const key of refusal(error) === undefined ? keys : []) this.#lost.add(key);
      this.#log.error({ err: error, ...where }, 'files could not be sent to a thread');
    }
  }
}

/** Names a file by what is in it: eight hex digits. */
export function fileDigest(file: CardFile): string {
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
