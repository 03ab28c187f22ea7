import { createHash } from 'node:crypto';
import type { REST } from 'discord.js';
import { LRUCache } from 'lru-cache';
import { UserError } from '../../core/errors.ts';
import type { Card } from '../../views/card.ts';
import type { MessageRef } from '../chat.ts';
import { discordCard, type MessageBody, messageBody } from './card.ts';
import { errorFacts, isGone, isTooOld, toChatError } from './errors.ts';
import { type DiscordFile, fileComponents, fingerprint, PostedFiles, parcels } from './files.ts';
import { createMessage, deleteMessage, editMessage, threadOf } from './rest.ts';
import type { DiscordLog, DiscordOptions } from './settings.ts';
import { cut, oneLine } from './text.ts';

/** The messages of all fleets and their threads, written with the bot's token and without the gateway. */
export class Messages {
  readonly #rest: REST;
  readonly #channelIds: Readonly<Record<string, string>>;
  readonly #log: DiscordLog;
  readonly #nonces = new Nonces();
  readonly #posted: PostedFiles;
  /** Messages that are known to have a thread, so that it is made once. */
  readonly #threads = new LRUCache<string, string>({ max: 500 });

  constructor(rest: REST, { channelIds, state, log }: Pick<DiscordOptions, 'channelIds' | 'state' | 'log'>) {
    this.#rest = rest;
    this.#channelIds = channelIds;
    this.#log = log;
    this.#posted = new PostedFiles(state);
  }

  /** Edits the card's message. If that is impossible it posts a new message, and deletes the old one if that is too old. */
  show(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    return this.#in(fleet, async (channel) => {
      const saved = readRef(ref.discord);
      const old = saved?.channel === channel ? saved.message : undefined;
      const { body } = discordCard(card);
      const edited = old === undefined ? 'gone' : await this.#edit(channel, old, body);
      if (old !== undefined && edited === 'done') return { discord: writeRef({ channel, message: old }) };
      const message = await this.#post(channel, old ?? `${channel} ${ref.discord ?? ''} ${identity(card)}`, body);
      if (old !== undefined && edited === 'too-old') await this.#delete({ channel, message: old });
      return { discord: writeRef({ channel, message }) };
    });
  }

  /** Posts into the thread of the message, or into the channel when the message does not exist. */
  reply(fleet: string, card: Card, ref: MessageRef): Promise<void> {
    return this.#in(fleet, async (channel) => {
      const at = readRef(ref.discord);
      const thread = await this.#open(at, card);
      const key = `reply ${at?.message ?? channel} ${JSON.stringify(card)}`;
      await this.#create(thread ?? channel, key, discordCard(card).body);
    });
  }

  /**
   * Posts the files of a card into the thread of its message, because a V2 message shows no files by itself. The files of
   * a card that still changes wait, because each edit would post them again.
   */
  attach(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    return this.#in(fleet, async () => {
      const at = readRef(ref.discord);
      if (at === undefined || card.tone === 'working') return ref;
      const fresh = await this.#posted.missing(at.message, discordCard(card).files);
      const thread = fresh.length === 0 ? undefined : await this.#open(at, card);
      if (thread === undefined) return ref;
      for (const files of parcels(fresh)) {
        await this.#create(
          thread,
          `files ${thread} ${files.map(fingerprint).join(' ')}`,
          messageBody(fileComponents(files)),
          files,
        );
        await this.#posted.add(thread, files);
      }
      return ref;
    });
  }

  async #post(channel: string, key: string, body: MessageBody): Promise<string> {
    const { id, isOlder } = await this.#create(channel, key, body);
    // An earlier attempt with another card has arrived: its message gets this card, unless somebody deleted it meanwhile.
    return !isOlder || (await this.#edit(channel, id, body)) === 'done' ? id : this.#post(channel, key, body);
  }

  /** Posts once for each key: after a lost answer the same nonce finds the existing message. */
  async #create(target: string, key: string, body: MessageBody, files: readonly DiscordFile[] = []) {
    const made = await createMessage(this.#rest, target, { body, files, nonce: this.#nonces.of(key) });
    this.#nonces.done(key);
    return made;
  }

  async #edit(channel: string, message: string, body: MessageBody): Promise<'done' | 'gone' | 'too-old'> {
    try {
      await editMessage(this.#rest, channel, message, body);
      return 'done';
    } catch (error) {
      if (isGone(error)) return 'gone';
      if (!isTooOld(error)) throw error;
      this.#log.warn(
        { channel, message, ...errorFacts(error) },
        'a message is too old to be edited, a new one is posted',
      );
      return 'too-old';
    }
  }

  /** Deletes a replaced message, whose buttons show an outdated state. */
  async #delete({ channel, message }: MessagePlace): Promise<void> {
    try {
      await deleteMessage(this.#rest, channel, message);
    } catch (error) {
      if (isGone(error)) return;
      this.#log.warn({ channel, message, ...errorFacts(error) }, 'a replaced message could not be deleted');
    }
  }

  /** @returns the thread of a message; `undefined` when the message does not exist */
  async #open(at: MessagePlace | undefined, card: Card): Promise<string | undefined> {
    if (at === undefined) return undefined;
    const known = this.#threads.get(at.message);
    if (known !== undefined) return known;
    const name = cut(oneLine(card.title).trim(), 100) || 'proxnix';
    try {
      const thread = await threadOf(this.#rest, at.channel, at.message, name);
      this.#threads.set(at.message, thread);
      return thread;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** Calls `work` with the channel of a fleet, and turns errors into those that the port promises. */
  async #in<T>(fleet: string, work: (channel: string) => Promise<T>): Promise<T> {
    const channel = this.#channelIds[fleet];
    if (channel === undefined) {
      throw new UserError(`Fleet ${fleet} has no Discord channel.`, { next: 'Configure the channel id of the fleet.' });
    }
    try {
      return await work(channel);
    } catch (error) {
      throw toChatError(error, channel);
    }
  }
}

/** A key that is equal for all cards of one run, where a card names its run. */
function identity(card: Card): string {
  return card.buttons[0]?.runId ?? JSON.stringify([card.title, card.blocks]);
}

/** Discord takes 25 characters, unique for each author. */
const length = 24;
const noncesKept = 1000;

/**
 * Nonces for new messages. Discord answers a second create with the same nonce, within some minutes, with the first
 * message. So a key keeps its nonce until its message is known to exist, also after a lost answer and after a restart
 * before the message's place was saved.
 */
class Nonces {
  readonly #sent = new LRUCache<string, number>({ max: noncesKept });

  of(key: string): string {
    const id = digest(key);
    return digest(`${this.#sent.get(id) ?? 0} ${id}`).slice(0, length);
  }

  /** The message exists: the next create of this key makes another message. */
  done(key: string): void {
    const id = digest(key);
    this.#sent.set(id, (this.#sent.get(id) ?? 0) + 1);
  }
}

/** Keys hold whole cards, so only their digests are remembered. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The place of a message. Its thread has the message's own id. */
export interface MessagePlace {
  readonly channel: string;
  readonly message: string;
}

const pattern = /^([0-9]{1,20})\/([0-9]{1,20})$/;

/** As it is saved with a run: `<channel id>/<message id>`. */
export function writeRef(place: MessagePlace): string {
  return `${place.channel}/${place.message}`;
}

/** `undefined` for a text that is no reference of Discord. */
export function readRef(text: string | undefined): MessagePlace | undefined {
  const [, channel, message] = pattern.exec(text ?? '') ?? [];
  return channel === undefined || message === undefined ? undefined : { channel, message };
}
