import { type App, type Receiver, SocketModeReceiver, type webApi } from '@slack/bolt';
import { z } from 'zod';
import type { Log } from '../../log.ts';
import { refusal, SlackRefusal, slackError } from './errors.ts';
import { pause } from './pause.ts';
import { type BoltLogger, clientOptions } from './web.ts';

/** The collaborators of Socket Mode. */
export interface SocketOptions {
  readonly appToken: string;
  readonly apiUrl: string;
  readonly logger: BoltLogger;
  readonly log: Log;
  /** Milliseconds between the opening of the first and the second socket. */
  readonly stagger: number;
}

/**
 * Socket Mode over two connections. Slack renews each connection every few hours, and the library needs two seconds to
 * reconnect; with one connection a click in that time would fail. The second is opened later, so that the two are not
 * renewed together.
 */
export class SocketsReceiver implements Receiver {
  readonly #options: SocketOptions;
  readonly #stopped = new AbortController();
  readonly #connections: readonly [SocketConnection, SocketConnection];
  #second: Promise<void> = Promise.resolve();

  constructor(options: SocketOptions) {
    this.#options = options;
    const connection = (): SocketConnection => new SocketConnection(options, this.#stopped.signal);
    this.#connections = [connection(), connection()];
  }

  init(app: App): void {
    for (const connection of this.#connections) connection.receiver.init(app);
  }

  /** Resolves when a socket is open, or after ten seconds while it keeps trying. Rejects when Slack refuses. */
  async start(): Promise<void> {
    const [first, second] = this.#connections;
    await first.open();
    this.#second = pause(this.#options.stagger, this.#stopped.signal)
      .then(() => second.open())
      .catch((error: unknown) => {
        this.#options.log.warn(
          { err: error },
          'Slack refuses a second socket; clicks may be lost while the first is renewed',
        );
      });
  }

  /** Resolves when the sockets are closed. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#second;
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}

/**
 * One socket that always reconnects. The library (3.1) gives up after an outage longer than its retries, does not recover
 * from some refusals, and leaves rejected promises unhandled when it is stopped while it connects. So its own retries are
 * off, and its `start`, which it calls for every reconnect, is replaced by one that never rejects.
 */
class SocketConnection {
  readonly receiver: SocketModeReceiver;
  readonly #connect: () => Promise<webApi.AppsConnectionsOpenResponse>;
  readonly #log: Log;
  readonly #stopped: AbortSignal;

  constructor(options: SocketOptions, stopped: AbortSignal) {
    this.#log = options.log;
    this.#stopped = stopped;
    this.receiver = new SocketModeReceiver({
      appToken: options.appToken,
      logger: options.logger,
      // The wait before a reconnect, and how long a pong may take: the default of 5 s is a gap of 5 s.
      clientPingTimeout: 2000,
      customPropertiesExtractor: ({ envelope_id }: { envelope_id?: string }) => ({ envelopeId: envelope_id }),
      installerOptions: {
        clientOptions: {
          ...clientOptions(options.apiUrl),
          retryConfig: { retries: 0 },
          fetch: refusing(stopped),
        },
      },
    });
    const { client } = this.receiver;
    this.#connect = client.start.bind(client);
    client.start = () => this.#reconnect();
  }

  /** Resolves when the socket is open, or after 10 s while it keeps trying. Rejects when Slack refuses the app token. */
  async open(): Promise<void> {
    const opened = this.#connect().then(
      () => undefined,
      async (error: unknown) => {
        if (isFinal(error)) throw slackError(error, 'open a socket with the app token');
        if (!this.#stopped.aborted) this.#log.warn({ err: error }, 'Slack cannot be reached, trying again');
        await this.#reconnect();
      },
    );
    const given = new AbortController();
    const waited = pause(10_000, AbortSignal.any([given.signal, this.#stopped]));
    try {
      await Promise.race([opened, waited]);
    } finally {
      given.abort();
      // After the ten seconds no caller waits for a refusal, so it is logged.
      opened.catch((error: unknown) => this.#log.error({ err: error }, 'Slack refuses the app token'));
    }
  }

  async close(): Promise<void> {
    // The library waits up to 30 s for the close handshake of the other side.
    const closed = new AbortController();
    await Promise.race([this.receiver.client.disconnect(), pause(2000, closed.signal)]);
    closed.abort();
  }

  async #reconnect(): Promise<webApi.AppsConnectionsOpenResponse> {
    for (let wait = 500; !this.#stopped.aborted; wait = Math.min(wait * 1.5, 15_000)) {
      try {
        const opened = await this.#connect();
        if (this.#stopped.aborted) await this.close();
        return opened;
      } catch (error) {
        if (this.#stopped.aborted) break;
        const level = isFinal(error) ? 'error' : 'debug';
        this.#log[level]({ err: error }, 'Slack opens no socket, trying again');
        await pause(isFinal(error) || refusal(error) === 'ratelimited' ? 30_000 : wait, this.#stopped);
      }
    }
    return { ok: false };
  }
}

/** Whether a refusal is permanent until somebody changes a setting. */
function isFinal(error: unknown): boolean {
  const word = refusal(error);
  return word !== undefined && !passing.has(word);
}

const passing: ReadonlySet<string> = new Set([
  'ratelimited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]);

const Verdict = z.object({ ok: z.boolean(), error: z.string().default('unknown_error') });

/** A fetch that aborts when the bot stops, and turns Slack's refusals into errors that the library passes on unchanged. */
function refusing(stopped: AbortSignal): webApi.FetchFunction {
  return async (url, init = {}) => {
    const signal = init.signal === undefined ? stopped : AbortSignal.any([init.signal, stopped]);
    const response = await fetch(url, { ...init, signal });
    if (response.status === 429) throw new SlackRefusal('ratelimited');
    const text = await response.text();
    if (response.ok) {
      const verdict = Verdict.parse(JSON.parse(text));
      if (!verdict.ok) throw new SlackRefusal(verdict.error);
    }
    return new Response(text, { status: response.status, headers: { 'content-type': 'application/json' } });
  };
}
