import { setTimeout } from 'node:timers/promises';
import {
  ChannelType,
  Client,
  DiscordjsErrorCodes,
  Events,
  GatewayDispatchEvents,
  GatewayIntentBits,
  Options,
  type REST,
  type RESTOptions,
  Routes,
} from 'discord.js';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { errorFacts } from './errors.ts';
import type { DiscordLog } from './settings.ts';

/** The collaborators and limits of a gateway connection. */
export interface ConnectOptions {
  readonly token: string;
  readonly rest: Partial<RESTOptions>;
  readonly log: DiscordLog;
  /** Milliseconds until the gateway must be ready. */
  readonly patience: number;
  /** Receives every INTERACTION_CREATE unchanged. */
  readonly onInteraction: (dispatch: unknown) => void;
}

/**
 * Connects to the gateway and waits until it is ready. Rejects with a `UserError` when Discord refuses, and with another
 * error when it cannot be reached; both close every connection.
 */
export async function connect(options: ConnectOptions): Promise<Client<true>> {
  const client = new Client({
    // Commands, buttons and modals carry the roles of their member, so no other intent is needed and none is privileged.
    intents: [GatewayIntentBits.Guilds],
    allowedMentions: { parse: [] },
    rest: options.rest,
    makeCache: Options.cacheWithLimits({ ...Options.DefaultMakeCacheSettings, MessageManager: 0 }),
  });
  watch(client, options.log);
  client.ws.on(GatewayDispatchEvents.InteractionCreate, (dispatch: unknown) => options.onInteraction(dispatch));
  try {
    return await login(client, options);
  } catch (error) {
    await client.destroy();
    throw error instanceof UserError ? error : toStartError(error);
  }
}

async function login(client: Client, { token, patience }: ConnectOptions): Promise<Client<true>> {
  const timer = new AbortController();
  const ready = new Promise<Client<true>>((resolve) => client.once(Events.ClientReady, resolve));
  const fatal = new Promise<never>((_, reject) => {
    client.once(Events.ShardDisconnect, (event) => reject(new Error(`the gateway closed with code ${event.code}`)));
  });
  const late = setTimeout(patience, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`the gateway was not ready after ${patience} ms`);
  });
  // Without this handler the promise that loses the race would be an unhandled rejection.
  for (const loser of [fatal, late]) loser.catch(() => undefined);
  try {
    await Promise.race([client.login(token), fatal, late]);
    return await Promise.race([ready, fatal, late]);
  } finally {
    timer.abort();
  }
}

/** Logs what happens to the connection. An `error` event without a listener would end the process. */
function watch(client: Client, log: DiscordLog): void {
  client.on(Events.Error, (error) => log.error(errorFacts(error), 'an error of the Discord client'));
  client.on(Events.ShardError, (error) => log.warn(errorFacts(error), 'the connection to Discord broke'));
  client.on(Events.ShardReconnecting, () => log.warn({}, 'reconnecting to Discord'));
  client.on(Events.ShardResume, (_, replayed) => log.info({ replayed }, 'the session with Discord was resumed'));
  client.on(Events.Invalidated, () => log.error({}, 'Discord ended the session'));
  client.on(Events.ShardDisconnect, (event) => {
    log.error({ code: event.code }, 'Discord closed the connection for good; check the token and restart the bot');
  });
}

function toStartError(error: unknown): Error {
  const { code, reason } = errorFacts(error);
  const named = error instanceof Error && 'code' in error ? error.code : code;
  if (named === DiscordjsErrorCodes.TokenInvalid) {
    return new UserError('Discord refuses the bot token.', {
      next: 'Copy the token of the bot again from the Discord developer portal.',
    });
  }
  return new Error(`Discord cannot be reached: ${reason}`, { cause: error });
}

const Channel = z.object({ id: z.string(), type: z.number(), guild_id: z.string().optional() });

/** Every configured channel must be a text channel of the guild that the bot can see. Rejects with a `UserError`. */
export async function checkChannels(
  rest: REST,
  guildId: string,
  channelIds: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [fleet, channelId] of Object.entries(channelIds)) {
    const channel = await readChannel(rest, channelId, fleet);
    const texts: number[] = [ChannelType.GuildText, ChannelType.GuildAnnouncement];
    if (channel.guild_id !== guildId) {
      throw new UserError(`Discord channel ${channelId} of fleet ${fleet} is not in guild ${guildId}.`, {
        next: 'Check the configured ids of the guild and of the channel.',
      });
    }
    if (!texts.includes(channel.type)) {
      throw new UserError(`Discord channel ${channelId} of fleet ${fleet} is no text channel.`, {
        next: 'Configure a text channel; threads are made in it.',
      });
    }
  }
}

async function readChannel(rest: REST, channelId: string, fleet: string): Promise<z.infer<typeof Channel>> {
  try {
    return Channel.parse(await rest.get(Routes.channel(channelId)));
  } catch (error) {
    throw new UserError(`Discord channel ${channelId} of fleet ${fleet}: ${errorFacts(error).reason}.`, {
      next: 'Check the channel id, and that the bot may view the channel.',
    });
  }
}
