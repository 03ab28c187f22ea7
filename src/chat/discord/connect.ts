import { setTimeout } from 'node:timers/promises';
import {
  Client,
  DiscordjsErrorCodes,
  Events,
  GatewayDispatchEvents,
  GatewayIntentBits,
  Options,
  type RESTOptions,
} from 'discord.js';
import { UserError } from '../../core/errors.ts';
import { errorFacts } from './errors.ts';
import type { DiscordLog } from './settings.ts';

export interface ConnectOptions {
  readonly token: string;
  readonly rest: Partial<RESTOptions>;
  readonly log: DiscordLog;
  /** Milliseconds until the gateway must be ready. */
  readonly patience: number;
  /** Gets every INTERACTION_CREATE as it was dispatched. */
  readonly onInteraction: (dispatch: unknown) => void;
}

/**
 * Connects to the gateway and waits until it is ready. Rejects with a `UserError` when Discord
 * refuses, with another error when it cannot be reached; nothing stays open then.
 */
export async function connect(options: ConnectOptions): Promise<Client<true>> {
  const client = new Client({
    // commands, buttons and modals with their member's roles need no more, and nothing privileged
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
  // whichever loses the race must not be an unhandled rejection
  for (const loser of [fatal, late]) loser.catch(() => undefined);
  try {
    await Promise.race([client.login(token), fatal, late]);
    return await Promise.race([ready, fatal, late]);
  } finally {
    timer.abort();
  }
}

/** Everything the connection tells on its way; an `error` event that nobody hears would end the process. */
function watch(client: Client, log: DiscordLog): void {
  client.on(Events.Error, (error) => log.error(errorFacts(error), 'an error of the Discord client'));
  client.on(Events.ShardError, (error) => log.warn(errorFacts(error), 'the connection to Discord broke'));
  client.on(Events.ShardReconnecting, () => log.warn({}, 'the connection to Discord is being made again'));
  client.on(Events.ShardResume, (_, replayed) => log.info({ replayed }, 'the session with Discord goes on'));
  client.on(Events.Invalidated, () => log.error({}, 'Discord ended the session'));
  client.on(Events.ShardDisconnect, (event) => {
    log.error({ code: event.code }, 'Discord closed the connection for good; check the token and restart');
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
