import type { Logger } from 'pino';
import type { AdapterState } from '../kind.ts';

/** The log of the adapter. */
export type DiscordLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface DiscordOptions {
  /** The bot's token, without `Bot `. */
  readonly token: string;
  /** The one guild whose members may use the bot; commands are registered there. */
  readonly guildId: string;
  /** The channel of each fleet's cards, by fleet. */
  readonly channelIds: Readonly<Record<string, string>>;
  readonly state: AdapterState;
  readonly log: DiscordLog;
  /** Base address of the REST API, for tests. */
  readonly api?: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly newId?: () => string;
  /** Milliseconds after which a press is acknowledged without its answer; Discord allows 3000. */
  readonly ackAfter?: number;
  /** Milliseconds until a start or a stop gives up waiting. */
  readonly patience?: number;
}
