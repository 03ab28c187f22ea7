import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Client, REST, RESTOptions } from 'discord.js';
import { LRUCache } from 'lru-cache';
import { UserError } from '../../core/errors.ts';
import type { Card } from '../../views/card.ts';
import type { Chat, ChatHandlers, MessageRef } from '../chat.ts';
import { registerCommands } from './commands.ts';
import { checkChannels, connect } from './connection.ts';
import { OpenForms } from './form.ts';
import type { InteractionContext } from './interactions.ts';
import { handleInteraction } from './interactions.ts';
import { Messages } from './messages.ts';
import { Interaction } from './payloads.ts';
import { inviteLink } from './permissions.ts';
import { makeRest, restOptions } from './rest.ts';
import type { DiscordOptions } from './settings.ts';

const keepSeen = 1000;

/** The chat in Discord: interactions arrive over the gateway, everything else is sent over REST with the bot's token. */
export class DiscordChat implements Chat {
  readonly name = 'discord';
  readonly #options: Required<Omit<DiscordOptions, 'api'>>;
  readonly #restOptions: Partial<RESTOptions>;
  readonly #rest: REST;
  readonly #messages: Messages;
  /** Handled interactions: after a resume Discord repeats those whose arrival it does not know of. */
  readonly #seen = new LRUCache<string, true>({ max: keepSeen });
  readonly #busy = new Set<Promise<void>>();
  #client: Client<true> | undefined;
  #isStopped = false;

  constructor({ now = Date.now, newId = randomUUID, ackAfter = 1500, patience = 30_000, ...options }: DiscordOptions) {
    this.#options = { ...options, now, newId, ackAfter, patience };
    this.#restOptions = restOptions(options.api);
    this.#rest = makeRest(this.#restOptions, options.token, options.log);
    this.#messages = new Messages(this.#rest, options);
  }

  async start(handlers: ChatHandlers): Promise<void> {
    const { token, guildId, channelIds, state, log, now, newId, ackAfter, patience } = this.#options;
    const context = { handlers, rest: this.#rest, guildId, forms: new OpenForms(newId), log, now, ackAfter };
    const client = await connect({
      token,
      rest: this.#restOptions,
      log,
      patience,
      onInteraction: (dispatch) => this.#receive(dispatch, context),
    });
    try {
      const applicationId = client.application.id;
      if (!client.guilds.cache.has(guildId)) {
        const next = `Invite it: ${inviteLink(applicationId)}`;
        throw new UserError(`The bot is not a member of Discord guild ${guildId}.`, { next });
      }
      await checkChannels(this.#rest, guildId, channelIds);
      await registerCommands(handlers.commands, { rest: this.#rest, applicationId, guildId, state });
    } catch (error) {
      await client.destroy();
      throw error;
    }
    this.#client = client;
  }

  show(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    return this.#unlessStopped(() => this.#messages.show(fleet, card, ref));
  }

  reply(fleet: string, card: Card, ref: MessageRef): Promise<void> {
    return this.#unlessStopped(() => this.#messages.reply(fleet, card, ref));
  }

  attach(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    return this.#unlessStopped(() => this.#messages.attach(fleet, card, ref));
  }

  /** Accepts nothing new, and waits until the current answers are sent. */
  async stop(): Promise<void> {
    await this.#client?.destroy();
    this.#client = undefined;
    const timer = new AbortController();
    const late = setTimeout(this.#options.patience, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#busy), late]);
    timer.abort();
    this.#isStopped = true;
    this.#rest.clearHashSweeper();
    this.#rest.clearHandlerSweeper();
  }

  async #unlessStopped<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isStopped) throw new UserError('The Discord chat is stopped.');
    return work();
  }

  #receive(dispatch: unknown, context: InteractionContext): void {
    const read = Interaction.safeParse(dispatch);
    if (!read.success) {
      context.log.warn({ issues: read.error.issues.length }, 'an unknown interaction was ignored');
      return;
    }
    const { id } = read.data;
    if (this.#seen.has(id)) return;
    this.#seen.set(id, true);
    const work = handleInteraction(read.data, context).finally(() => this.#busy.delete(work));
    this.#busy.add(work);
  }
}
