import { webApi } from '@slack/bolt';
import type { BoltLogger } from './bolt-logger.ts';

/**
 * One client per kind of call: a 429 never pauses a client that rejects it, timeouts differ, and only calls that may be
 * repeated are (chat.postMessage has no idempotency key: a repeated post is a second message).
 */
export interface SlackClients {
  readonly posts: webApi.WebClient;
  readonly edits: webApi.WebClient;
  /** users.info, usergroups.users.list, views.open: a trigger lives three seconds. */
  readonly quick: webApi.WebClient;
  readonly files: webApi.WebClient;
}

export interface WebOptions {
  readonly botToken: string;
  readonly apiUrl: string;
  readonly logger: BoltLogger;
}

export function slackClients({ botToken, apiUrl, logger }: WebOptions): SlackClients {
  const client = (timeout: number, retries: number): webApi.WebClient =>
    new webApi.WebClient(botToken, {
      ...clientOptions(apiUrl, timeout),
      logger,
      rejectRateLimitedCalls: true,
      retryConfig: { retries, minTimeout: 300, factor: 2 },
    });
  return { posts: client(30_000, 0), edits: client(10_000, 1), quick: client(1500, 0), files: client(60_000, 1) };
}

/** A new object for every use: the socket client writes into the one it is given. */
export function clientOptions(apiUrl: string, timeout = 10_000): webApi.WebClientOptions {
  return { slackApiUrl: apiUrl, allowAbsoluteUrls: false, timeout };
}
