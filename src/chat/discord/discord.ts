import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { type Client, REST, RESTEvents, type RESTOptions } from 'discord.js';
import { UserError } from '../../core/errors.ts';
import type { Card } from '../../views/card.ts';
import type { Chat, ChatHandlers, MessageRef } from '../chat.ts';
import { Board } from './board.ts';
import { checkChannels } from './channels.ts';
import { connect } from './connect.ts';
import type { Desk } from './desk.ts';
import { Interaction } from './interaction-schema.ts';
import { handleInteraction } from './interactions.ts';
import { OpenForms } from './open-forms.ts';
import { inviteLink } from './permissions.ts';
import { registerCommands } from './register.ts';
import type { DiscordOptions } from './settings.ts';

/** Interactions remembered so that a replayed one is handled once. */
const keepSeen = 1000;

/** The chat in Discord: interactions come over the gateway, everything else goes out over REST with the bot's token. */
export class DiscordChat implements Chat {
  readonly name = 'discord';
  readonly #options: Required<Omit<DiscordOptions, 'api'>>;
  readonly #restOptions: Partial<RESTOptions>;
  readonly #rest: REST;
  readonly #board: Board;
  readonly #seen = new Set<string>();
  readonly #busy = new Set<Promise<void>>();
  #client: Client<true> | undefined;

  constructor({ now = Date.now, newId = randomUUID, ackAfter = 1500, patience = 30_000, ...options }: DiscordOptions) {
    this.#options = { ...options, now, newId, ackAfter, patience };
    this.#restOptions = {
      timeout: 10_000,
      retries: 1,
      // discord.js would send every waiting edit, one after the other: ours wait themselves and send the newest
      rejectOnRateLimit: ({ route }) => route.startsWith('/channels/'),
      ...(options.api === undefined ? {} : { api: options.api }),
    };
    this.#rest = new REST(this.#restOptions).setToken(options.token);
    this.#rest.on(RESTEvents.RateLimited, ({ route, global, retryAfter }) =>
      options.log.info({ route, global, retryAfter }, 'Discord asks to wait'),
    );
    this.#rest.on(RESTEvents.InvalidRequestWarning, (warning) =>
      options.log.warn(warning, 'Discord refused many requests'),
    );
    this.#board = new Board(this.#rest, options);
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
    return this.#board.show(fleet, card, ref);
  }

  reply(fleet: string, card: Card, ref: MessageRef): Promise<void> {
    return this.#board.reply(fleet, card, ref);
  }

  /** Takes nothing new, lets what is being answered end, then ends all waiting. */
  async stop(): Promise<void> {
    await this.#client?.destroy();
    this.#client = undefined;
    const timer = new AbortController();
    const late = setTimeout(this.#options.patience, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#busy), late]);
    timer.abort();
    this.#board.stop();
    this.#rest.clearHashSweeper();
    this.#rest.clearHandlerSweeper();
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
