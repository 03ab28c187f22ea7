import type { REST } from 'discord.js';
import { UserError } from '../../core/errors.ts';
import type { Card } from '../../views/card.ts';
import type { MessageRef } from '../chat.ts';
import { type DrawnCard, discordCard } from './card.ts';
import { LatestWins } from './latest-wins.ts';
import { readRef, writeRef } from './message-ref.ts';
import { Nonces } from './nonces.ts';
import { Patience } from './patience.ts';
import { PostedFiles } from './posted-files.ts';
import { errorFacts, isGone, toChatError } from './rest-errors.ts';
import type { DiscordLog, DiscordOptions } from './settings.ts';
import { Threads } from './threads.ts';
import { createMessage, editMessage } from './wire.ts';

/** Remembered messages that were posted without a ref; one for each run at most. */
const keepPosted = 500;

/** The messages of all fleets: shown, edited and answered with the bot's token, without the gateway. */
export class Board {
  readonly #rest: REST;
  readonly #channelIds: Readonly<Record<string, string>>;
  readonly #log: DiscordLog;
  readonly #patience = new Patience();
  readonly #nonces = new Nonces();
  readonly #threads: Threads;
  readonly #edits: LatestWins<string>;
  readonly #posted = new Map<string, { readonly message: string; readonly turn: number }>();
  #turn = 0;

  constructor(rest: REST, { channelIds, state, log }: Pick<DiscordOptions, 'channelIds' | 'state' | 'log'>) {
    this.#rest = rest;
    this.#channelIds = channelIds;
    this.#log = log;
    const patience = this.#patience;
    this.#edits = new LatestWins({
      retryIn: (error) => patience.retryIn(error),
      sleep: (ms) => patience.sleep(ms),
    });
    this.#threads = new Threads({ rest, nonces: this.#nonces, posted: new PostedFiles(state), patience });
  }

  async show(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    this.#patience.check();
    const channel = this.#channel(fleet);
    const saved = readRef(ref.discord);
    const old = saved?.channel === channel ? saved.message : undefined;
    const turn = ++this.#turn;
    const key = old ?? `${channel} ${ref.discord ?? ''} ${identity(card)}`;
    const drawn = discordCard(card);
    try {
      const message = await this.#edits.run(key, () => this.#place(channel, old, key, turn, drawn));
      await this.#attach(channel, message, card, drawn);
      return { discord: writeRef({ channel, message }) };
    } catch (error) {
      throw toChatError(error, channel);
    }
  }

  async reply(fleet: string, card: Card, ref: MessageRef): Promise<void> {
    this.#patience.check();
    const channel = this.#channel(fleet);
    try {
      await this.#threads.reply(channel, readRef(ref.discord), card);
    } catch (error) {
      throw toChatError(error, channel);
    }
  }

  /** Ends all waiting; who waits is told. */
  stop(): void {
    this.#patience.end();
  }

  /** Edits the message that is there, or posts one. */
  async #place(channel: string, old: string | undefined, key: string, turn: number, drawn: DrawnCard): Promise<string> {
    const posted = this.#posted.get(key);
    // posted in place of a message that is gone, or while this card waited for its turn
    const there = posted !== undefined && (old !== undefined || posted.turn > turn) ? posted.message : old;
    if (there !== undefined && (await this.#edit(channel, there, drawn))) return there;
    const message = await this.#post(channel, key, drawn);
    this.#posted.set(key, { message, turn: ++this.#turn });
    for (const oldest of this.#posted.keys()) if (this.#posted.size > keepPosted) this.#posted.delete(oldest);
    return message;
  }

  async #post(channel: string, key: string, drawn: DrawnCard): Promise<string> {
    const nonce = this.#nonces.of(key);
    const made = await createMessage(this.#rest, channel, { body: drawn.body, files: [], nonce });
    const shown = !made.older || (await this.#edit(channel, made.id, drawn));
    this.#nonces.done(key);
    return shown ? made.id : this.#post(channel, key, drawn);
  }

  /** @returns false when the message is gone. */
  async #edit(channel: string, message: string, drawn: DrawnCard): Promise<boolean> {
    try {
      await editMessage(this.#rest, channel, message, drawn.body);
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }

  /**
   * Files go into the thread: a V2 message shows none by itself. A card that still moves keeps its files back, they
   * would come again with every edit. The card is shown by now, so a file that fails is tried with the next one.
   */
  async #attach(channel: string, message: string, card: Card, drawn: DrawnCard): Promise<void> {
    if (card.tone === 'working' || drawn.files.length === 0) return;
    try {
      await this.#threads.attach({ channel, message }, card, drawn.files);
    } catch (error) {
      this.#log.warn({ channel, message, ...errorFacts(error) }, 'the files of a card could not be posted');
    }
  }

  #channel(fleet: string): string {
    const channel = this.#channelIds[fleet];
    if (channel !== undefined) return channel;
    throw new UserError(`Fleet ${fleet} has no Discord channel.`, { next: 'Configure the channel id of the fleet.' });
  }
}

/** Equal for all cards of one run, as far as a card tells its run. */
function identity(card: Card): string {
  return card.buttons[0]?.runId ?? JSON.stringify([card.title, card.blocks]);
}
