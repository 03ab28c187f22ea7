import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import type { Logger } from 'pino';
import { UserError } from '../../core/errors.ts';
import { isLoopback } from '../../lib/addresses.ts';
import type { Secret } from '../../secret.ts';
import type { Card } from '../../views/card.ts';
import type { Chat, ChatHandlers, MessageRef, Person } from '../chat.ts';
import { api, assets } from './api.ts';
import { Channel } from './channel.ts';
import { followChannel } from './events.ts';
import { login, onlyOwnNames, onlyOwnPages } from './login.ts';
import type { MessageStore } from './message-store.ts';

/** The web console: a channel in a web page that the bot serves itself. It needs no account. */
export class ConsoleChat implements Chat {
  readonly name = 'console';
  readonly #options: ConsoleOptions;
  readonly #channel: Channel;
  #handlers: ChatHandlers | undefined;
  #stopped = new AbortController();
  #life = '';

  /** @throws UserError for a token that does not protect the console. */
  constructor(options: ConsoleOptions) {
    checkConsole(options);
    const { messages, now = Date.now, newId = randomUUID, keep = 200 } = options;
    this.#options = options;
    this.#channel = new Channel({ store: messages, now, newId, keep });
  }

  async start(handlers: ChatHandlers): Promise<void> {
    await this.#channel.load();
    this.#stopped = new AbortController();
    this.#life = (this.#options.newId ?? randomUUID)();
    this.#handlers = handlers;
  }

  async show(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    this.#refuseWhenStopped();
    return { console: await this.#channel.show(fleet, card, ref.console) };
  }

  async reply(fleet: string, card: Card, ref: MessageRef): Promise<void> {
    this.#refuseWhenStopped();
    await this.#channel.reply(fleet, card, ref.console);
  }

  /** Ends the event streams. Open pages show that they are disconnected, and wait for the next start. */
  stop(): Promise<void> {
    this.#handlers = undefined;
    this.#stopped.abort();
    return Promise.resolve();
  }

  /** The routes of the page, the API and the log-in, for `/` of the HTTP server. They answer 503 until `start`. */
  routes(): Hono {
    const { token, tokenFile, names = [], now = Date.now, log } = this.#options;
    const { workspace = 'console', channel = 'proxnix', fleetsEveryMs = 2000 } = this.#options;
    const person = this.#person();
    const app = new Hono();
    const { guard, routes } = login({ token, now, log, ...(tokenFile === undefined ? {} : { tokenFile }) });
    const guarded = ['/', '/fleet', '/runs/*', '/api/*', '/console/*'];
    for (const path of [...guarded, '/login', '/logout']) {
      // A generated token is for this machine alone, so the console is then served under loopback names only.
      if (tokenFile !== undefined || names.length > 0) app.use(path, onlyOwnNames(names));
      app.use(path, onlyOwnPages);
    }
    for (const path of guarded) app.use(path, guard);
    app.route('/', routes);
    const handlers = () => this.#handlers;
    const place = { workspace, channel };
    const unexpected = (err: unknown) => log.error({ err }, 'console: a handler threw');
    const overview = async () => {
      try {
        return await handlers()?.overview({ person, place });
      } catch (error) {
        unexpected(error);
        return undefined;
      }
    };
    app.route('/', api({ channel: this.#channel, person, place, handlers, unexpected }));
    app.get('/api/session', (c) => c.json({ person: person.name, ...place }));
    app.get('/api/events', (c) =>
      followChannel(c, {
        channel: this.#channel,
        life: this.#life,
        stopped: this.#stopped.signal,
        keepAliveMs: 20_000,
        ...(c.req.query('fleet') === undefined ? {} : { fleets: { read: overview, everyMs: fleetsEveryMs } }),
      }),
    );
    app.route(
      '/',
      assets(async (id) => {
        const to = handlers();
        return to === undefined || (await to.runPage(id, { person, place })) !== undefined;
      }),
    );
    return app;
  }

  #person(): Person {
    const { id, name } = this.#options.person ?? { id: 'owner', name: 'Owner' };
    return { chat: 'console', id, name, groups: [] };
  }

  #refuseWhenStopped(): void {
    if (this.#handlers === undefined) throw new UserError('The console is not started.');
  }
}

/** The settings of the console. */
export interface ConsoleOptions {
  /** The address the HTTP server is bound to. */
  readonly host: string;
  /** The token: a person types it to log in, a script sends it as `Authorization: Bearer`. */
  readonly token: Secret;
  /** The displayed path of the file with the generated token; absent when the token was configured. */
  readonly tokenFile?: string;
  /** Names under which others reach the console, e.g. `proxnix.example.org`; with them, no other name is served. */
  readonly names?: readonly string[];
  /** The one person of the console. */
  readonly person?: { readonly id: string; readonly name: string };
  readonly workspace?: string;
  readonly channel?: string;
  readonly messages: MessageStore;
  /** The number of messages that the channel keeps. */
  readonly keep?: number;
  /** How often the page of the fleets gets news, in milliseconds; a cluster may be read less often. */
  readonly fleetsEveryMs?: number;
  readonly now?: () => number;
  /** Letters, digits and `-`. */
  readonly newId?: () => string;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

const shortestToken = 16;

/** Refuses a token that can be guessed, and a generated token where other machines reach the console. */
export function checkConsole({ host, names = [], token, tokenFile }: ConsoleOptions): void {
  const next = 'Set CONSOLE_TOKEN to a long random text, for example the output of `openssl rand -hex 24`';
  if (token.reveal().length < shortestToken) {
    throw new UserError(`The console's token is shorter than ${shortestToken} characters.`, { next: `${next}.` });
  }
  const open = [host, ...names].find((name) => !isLoopback(name));
  if (tokenFile === undefined || open === undefined) return;
  throw new UserError(`The console has no token for those who reach it at ${open}.`, {
    next: `${next}, or bind to 127.0.0.1.`,
  });
}
