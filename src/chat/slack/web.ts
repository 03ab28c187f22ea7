import { type Logger as BoltLogger, LogLevel, webApi } from '@slack/bolt';
import type { Log } from '../../log.ts';

/**
 * One client for each kind of call, because their time limits differ. No client repeats a call or waits for a rate limit,
 * except `answers`: an answer to a person is sent once, and no caller retries it.
 */
export interface SlackClients {
  readonly posts: webApi.WebClient;
  readonly edits: webApi.WebClient;
  /** users.info, usergroups.users.list, views.open: a trigger is valid for three seconds. */
  readonly quick: webApi.WebClient;
  /** Files of cards. */
  readonly files: webApi.WebClient;
  /** chat.postEphemeral, and the files of an answer. */
  readonly answers: webApi.WebClient;
}

/** The collaborators of the clients. */
export interface WebOptions {
  readonly botToken: string;
  readonly apiUrl: string;
  readonly logger: BoltLogger;
}

/** The clients of one bot token. */
export function slackClients({ botToken, apiUrl, logger }: WebOptions): SlackClients {
  const client = (timeout: number, repeats: Pick<webApi.WebClientOptions, 'rejectRateLimitedCalls' | 'retryConfig'>) =>
    new webApi.WebClient(botToken, { ...clientOptions(apiUrl, timeout), logger, ...repeats });
  const once = { rejectRateLimitedCalls: true, retryConfig: { retries: 0 } };
  const again = { retryConfig: { retries: 2, minTimeout: 300, factor: 2 } };
  return {
    posts: client(30_000, once),
    edits: client(10_000, once),
    quick: client(1500, once),
    files: client(30_000, once),
    answers: client(10_000, again),
  };
}

/** Options of a client. Every use gets a new object, because the socket client (3.1) writes into it. */
export function clientOptions(apiUrl: string, timeout = 10_000): webApi.WebClientOptions {
  return { slackApiUrl: apiUrl, allowAbsoluteUrls: false, timeout };
}

export type { BoltLogger };

/** A logger for Slack's libraries that writes into the bot's log. It drops debug lines, which hold whole requests. */
export function boltLogger(log: Log, part: string): BoltLogger {
  const words = (messages: readonly unknown[]): { readonly part: string; readonly said: string } => ({
    part,
    said: messages.map(String).join(' '),
  });
  return {
    debug: () => undefined,
    info: (...messages) => log.debug(words(messages), 'said by the Slack library'),
    warn: (...messages) => log.warn(words(messages), 'said by the Slack library'),
    error: (...messages) => log.error(words(messages), 'said by the Slack library'),
    setLevel: () => undefined,
    getLevel: () => LogLevel.INFO,
    setName: () => undefined,
  };
}
