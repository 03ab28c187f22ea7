import { App } from '@slack/bolt';
import type { Hono } from 'hono';
import { UserError } from '../../core/errors.ts';
import type { Log } from '../../log.ts';
import type { Card } from '../../views/card.ts';
import type { Chat, ChatHandlers, MessageRef } from '../chat.ts';
import { Answers } from './answers.ts';
import { type SlackMessage, slackCard } from './card.ts';
import { slackError } from './errors.ts';
import { Files } from './files.ts';
import { HttpReceiver } from './http.ts';
import { listen } from './interactions.ts';
import { type Address, DuplicatePosts, Messages, readAddress, writeAddress } from './messages.ts';
import { pause } from './pause.ts';
import { People } from './people.ts';
import { SocketsReceiver } from './sockets.ts';
import { type BoltLogger, boltLogger, clientOptions, type SlackClients, slackClients } from './web.ts';

/** The settings of the Slack chat. */
export interface SlackOptions {
  /** `xoxb-…`. */
  readonly botToken: string;
  /** `xapp-…` with `connections:write`; needed for Socket Mode. */
  readonly appToken?: string;
  /** Needed for HTTP. */
  readonly signingSecret?: string;
  readonly mode: 'socket' | 'http';
  /** Channel id (C…) by fleet name. */
  readonly channelIds: Readonly<Record<string, string>>;
  /** The id (T…) of the one workspace whose members may use the bot. */
  readonly workspace: string;
  /** Usergroup ids (S…) that the configuration names. */
  readonly groups: readonly string[];
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly command?: string;
  readonly apiUrl?: string;
  /** Milliseconds between the opening of the two sockets. */
  readonly stagger?: number;
}

/** Slack, by Socket Mode or by HTTP requests to the bot's own server (`routes`). */
export class SlackChat implements Chat {
  readonly name = 'slack';
  readonly #options: SlackOptions;
  readonly #apiUrl: string;
  readonly #log: Log;
  readonly #logger: BoltLogger;
  readonly #clients: SlackClients;
  readonly #messages: Messages;
  readonly #files: Files;
  readonly #duplicates = new DuplicatePosts();
  readonly #receiver: SocketsReceiver | HttpReceiver;
  /** Aborts waits. */
  readonly #stopped = new AbortController();
  readonly #work = new Set<Promise<void>>();

  constructor(options: SlackOptions) {
    const { botToken, log, apiUrl = 'https://slack.com/api/' } = options;
    this.#options = options;
    this.#apiUrl = apiUrl;
    this.#log = log;
    this.#logger = boltLogger(log, 'slack');
    this.#clients = slackClients({ botToken, apiUrl, logger: this.#logger });
    this.#messages = new Messages(this.#clients, log);
    this.#files = new Files(this.#clients);
    this.#receiver = makeReceiver(options, apiUrl, this.#logger);
  }

  /** The route that Slack calls in HTTP mode, for the bot's one server; `undefined` for Socket Mode. */
  routes(): Hono | undefined {
    return this.#receiver instanceof HttpReceiver ? this.#receiver.routes() : undefined;
  }

  async start(handlers: ChatHandlers): Promise<void> {
    const { botToken, workspace, groups, command = '/proxnix' } = this.#options;
    const bot = await this.#clients.edits.auth.test().catch((error: unknown) => {
      throw slackError(error, 'log in with the bot token');
    });
    if (bot.team_id !== workspace) {
      throw new UserError(`The Slack bot token belongs to workspace ${bot.team_id}, not to ${workspace}`, {
        next: 'Set the workspace id of the workspace the app is installed in.',
      });
    }
    const app = new App({
      token: botToken,
      ...(bot.bot_id === undefined ? {} : { botId: bot.bot_id }),
      ...(bot.user_id === undefined ? {} : { botUserId: bot.user_id }),
      tokenVerificationEnabled: false,
      receiver: this.#receiver,
      convoStore: false,
      logger: this.#logger,
      clientOptions: { ...clientOptions(this.#apiUrl), fetch: patientFetch },
    });
    app.error(async (error) => this.#log.error({ err: error }, 'Bolt failed'));
    // A clock that cannot be set back, so that no cached answer about a group outlives its time.
    const now = this.#options.now ?? (() => performance.now());
    const installed = { workspace, enterprise: bot.enterprise_id };
    const people = new People({ clients: this.#clients, installed, groups, now, log: this.#log });
    const answers = new Answers(this.#clients, this.#messages, this.#files, this.#log);
    const track = (work: Promise<void>): Promise<void> => this.#track(work);
    listen(app, { handlers, command, installed, people, answers, duplicates: this.#duplicates, log: this.#log, track });
    await this.#receiver.start();
  }

  async show(fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    const channel = this.#channelOf(fleet);
    const message = slackCard(card);
    const old = readAddress(ref.slack ?? '');
    const edited = old?.channel === channel ? await this.#messages.edit(old, message) : 'gone';
    const runId = card.buttons[0]?.runId;
    if (old !== undefined && edited === 'done') {
      if (runId !== undefined) this.#duplicates.shown(runId, old);
      await this.#editDuplicates(old, message);
      return ref;
    }
    const at = await this.#messages.post(channel, message);
    if (runId !== undefined) this.#duplicates.shown(runId, at);
    if (old !== undefined && edited === 'closed') await this.#messages.delete(old);
    return { ...ref, slack: writeAddress(at) };
  }

  async reply(fleet: string, card: Card, ref: MessageRef): Promise<void> {
    const channel = this.#channelOf(fleet);
    const root = readAddress(ref.slack ?? '');
    await this.#messages.post(channel, slackCard(card), root?.channel === channel ? root.ts : undefined);
  }

  async attach(_fleet: string, card: Card, ref: MessageRef): Promise<MessageRef> {
    const at = readAddress(ref.slack ?? '');
    if (at === undefined) return ref;
    return { ...ref, slack: writeAddress(await this.#files.attach(at, card.files)) };
  }

  /** Accepts nothing new, and waits at most three seconds for running work. */
  async stop(): Promise<void> {
    await this.#receiver.stop();
    const soon = new AbortController();
    await Promise.race([Promise.allSettled(this.#work), pause(3000, soon.signal)]);
    soon.abort();
    this.#stopped.abort();
  }

  /** Edits the other messages that show the same run. */
  async #editDuplicates(at: Address, message: SlackMessage): Promise<void> {
    for (const duplicate of this.#duplicates.of(at)) {
      if ((await this.#messages.edit(duplicate, message)) !== 'done') this.#duplicates.forget(duplicate);
    }
  }

  #channelOf(fleet: string): string {
    const channel = this.#options.channelIds[fleet];
    if (channel !== undefined) return channel;
    throw new UserError(`The fleet ${fleet} has no Slack channel`, { next: 'Set the id (C…) of its channel.' });
  }

  /** Tracks background work, so that `stop` can wait for it. A failure in it is logged. */
  #track(work: Promise<void>): Promise<void> {
    const held = work
      .catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) this.#log.error({ err: error }, 'background work for Slack failed');
      })
      .finally(() => this.#work.delete(held));
    this.#work.add(held);
    return held;
  }
}

function makeReceiver(options: SlackOptions, apiUrl: string, logger: BoltLogger): SocketsReceiver | HttpReceiver {
  const { appToken = '', signingSecret = '', log, now = Date.now, stagger = 15_000 } = options;
  if (options.mode === 'http') {
    if (signingSecret === '') throw new UserError('Slack over HTTP needs the signing secret of the app');
    return new HttpReceiver({ signingSecret, now, log });
  }
  if (!appToken.startsWith('xapp-')) {
    throw new UserError('Slack by Socket Mode needs an app token (xapp-…)', {
      next: 'Make one with the scope connections:write under Basic Information of the app.',
    });
  }
  return new SocketsReceiver({ appToken, apiUrl, logger, log, stagger });
}

/** Requests to a response_url end after five seconds, so that none delays a shutdown. */
const patientFetch: typeof fetch = (url, init) =>
  fetch(url, { ...init, signal: init?.signal ?? AbortSignal.timeout(5000) });
