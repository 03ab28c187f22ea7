import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Client, REST, RESTOptions } from 'discord.js';
import { UserError } from '../../core/errors.ts';
import type { Card } from '../../views/card.ts';
import type { Chat, ChatHandlers, MessageRef } from '../chat.ts';
import { checkChannels } from './channels.ts';
import { connect } from './connect.ts';
import type { Desk } from './desk.ts';
import { Interaction } from './interaction-schema.ts';
import { handleInteraction } from './interactions.ts';
import { Messages } from './messages.ts';
import { OpenForms } from './open-forms.ts';
import { inviteLink, registerCommands } from './register.ts';
import { makeRest, restOptions } from './rest.ts';
import type { DiscordOptions } from './settings.ts';

/** Interactions remembered so that a replayed one is handled once. */
const keepSeen = 1000;

/** The chat in Discord: interactions come over the gateway, everything else goes out over REST with the bot's token. */
export class DiscordChat implements Chat {
  readonly name = 'discord';
  readonly #options: Required<Omit<DiscordOptions, 'api'>>;
  readonly #restOptions: Partial<RESTOptions>;
  readonly #rest: REST;
  readonly #messages: Messages;
  readonly #seen = new Set<string>();
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
    const desk = { handlers, rest: this.#rest, guildId, forms: new OpenForms(newId), log, now, ackAfter };
    const client = await connect({
      token,
      rest: this.#restOptions,
      log,
      patience,
      onInteraction: (dispatch) => this.#receive(dispatch, desk),
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

  /** Takes nothing new, and lets what is being answered end. */
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

  /** After a resume Discord sends again what it does not know to have arrived. */
  #receive(dispatch: unknown, desk: Desk): void {
    const read = Interaction.safeParse(dispatch);
    if (!read.success) {
      desk.log.warn({ issues: read.error.issues.length }, 'an interaction that is not ours was ignored');
      return;
    }
    const { id } = read.data;
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    for (const oldest of this.#seen) if (this.#seen.size > keepSeen) this.#seen.delete(oldest);
    const work = handleInteraction(read.data, desk).finally(() => this.#busy.delete(work));
    this.#busy.add(work);
  }
}
