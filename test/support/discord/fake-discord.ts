import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FakeInteraction } from './fake-interaction.ts';
import { FakeGateway } from './gateway.ts';
import { ids, snowflake, token } from './ids.ts';
import {
  anyMessage,
  type FakePlace,
  type FakeUser,
  guildPayload,
  inChannel,
  interactionPayload,
  readyPayload,
  rowan,
} from './payloads.ts';
import { RateLimits } from './rate-limits.ts';
import { type FakeRequest, readRequest } from './request.ts';
import { findRoute, type Reply } from './routes.ts';
import type { FakeMessage, World } from './world.ts';

/** A body the bot sent, and how it was answered. */
export interface SentBody {
  readonly kind: string;
  readonly body: unknown;
  readonly files: readonly string[];
  readonly route: string;
  readonly status: number;
}

type Fault = 'lose-answer' | 'hold' | 'pass' | number;

interface Doing {
  readonly user?: FakeUser;
  readonly place?: FakePlace;
}

/**
 * Discord on 127.0.0.1, small: REST and gateway, close enough for the real discord.js to run unmodified. Every body is
 * kept; with DISCORD_BODIES they are also appended to that file, one JSON record a line.
 */
export class FakeDiscord {
  readonly world: World;
  readonly gateway: FakeGateway;
  readonly limits = new RateLimits();
  readonly sent: SentBody[] = [];
  /** Every request, answered or not: `PATCH /channels/:id/messages/:id`. */
  readonly requests: string[] = [];
  /** REST requests are cut off. */
  down = false;
  readonly #http: Server;
  readonly #port: number;
  readonly #faults: { route: string; fault: Fault; left: number }[] = [];
  #held: (() => void)[] = [];
  #ahead = 0;

  private constructor(http: Server, port: number) {
    this.#http = http;
    this.#port = port;
    this.world = {
      gatewayUrl: `ws://127.0.0.1:${port}/gateway`,
      now: () => Date.now() + this.#ahead,
      guilds: new Set([ids.guild]),
      channelGuilds: new Map([
        [ids.channel, ids.guild],
        [ids.secondChannel, ids.guild],
        [ids.foreignChannel, ids.otherGuild],
      ]),
      closed: new Set(),
      messages: [],
      old: new Set(),
      threads: new Map(),
      interactions: new Map(),
      commands: undefined,
      registrations: 0,
    };
    const guilds = () => [...this.world.guilds].map((id) => guildPayload(id, [ids.channel, ids.secondChannel]));
    this.gateway = new FakeGateway(http, {
      ready: (session) => readyPayload(session, this.world.gatewayUrl, [...this.world.guilds]),
      guilds,
    });
    http.on('request', (request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(toError(error)));
    });
  }

  /** Listens; `port` to come back on the same one. */
  static async start(port = 0): Promise<FakeDiscord> {
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
    return new FakeDiscord(http, (http.address() as AddressInfo).port);
  }

  get api(): string {
    return `http://127.0.0.1:${this.#port}/api`;
  }

  async stop(): Promise<void> {
    this.release();
    this.gateway.stop();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  /** The server's clock goes ahead; the bot's own does not. */
  advance(ms: number): void {
    this.#ahead += ms;
  }

  /** The next requests of a route are carried out and their answer lost, held until `release`, let pass, or answered so. */
  fault(route: string, fault: Fault, times = 1): void {
    this.#faults.push({ route, fault, left: times });
  }

  /** Lets held requests go on. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const go of held) go();
  }

  get holding(): number {
    return this.#held.length;
  }

  /** Somebody types `/proxnix <name> …`. */
  command(name: string, args: Readonly<Record<string, string>> = {}, doing: Doing = {}): FakeInteraction {
    const options = Object.entries(args).map(([option, value]) => ({ type: 3, name: option, value }));
    const data = { id: snowflake(), name: 'proxnix', type: 1, options: [{ type: 1, name, options }] };
    return this.#interact({ type: 2, data }, doing);
  }

  /** Somebody is typing an option. */
  complete(
    name: string,
    option: string,
    typed: string,
    doing: Doing = {},
    args: Readonly<Record<string, string>> = {},
  ): FakeInteraction {
    const others = Object.entries(args).map(([other, value]) => ({ type: 3, name: other, value }));
    const options = [...others, { type: 3, name: option, value: typed, focused: true }];
    const data = { id: snowflake(), name: 'proxnix', type: 1, options: [{ type: 1, name, options }] };
    return this.#interact({ type: 4, data }, doing);
  }

  /** Somebody presses a button. */
  press(customId: string, doing: Doing = {}): FakeInteraction {
    const message = anyMessage((doing.place ?? inChannel).channel);
    return this.#interact({ type: 3, data: { custom_id: customId, component_type: 2, id: 5 }, message }, doing);
  }

  /** Somebody sends a modal that was opened from a button. */
  submit(customId: string, values: Readonly<Record<string, string>>, doing: Doing = {}): FakeInteraction {
    const fields = Object.entries(values).map(([name, value], index) => ({
      type: 18,
      id: index + 2,
      component: { type: 4, id: index + 20, custom_id: name, value },
    }));
    const components = [{ type: 10, id: 1 }, ...fields];
    const message = anyMessage((doing.place ?? inChannel).channel);
    return this.#interact({ type: 5, data: { custom_id: customId, components }, message }, doing);
  }

  /** Messages that stand in a channel or thread, oldest first. */
  messagesIn(channel: string): FakeMessage[] {
    return this.world.messages.filter((message) => message.channel === channel && !message.deleted);
  }

  #interact(
    what: { readonly type: number; readonly data: unknown; readonly message?: unknown },
    { user = rowan, place = inChannel }: Doing,
  ): FakeInteraction {
    const id = snowflake();
    const interaction: FakeInteraction = {
      id,
      token: `interaction-${id}`,
      at: this.world.now(),
      expired: false,
      dropped: false,
      followUps: [],
    };
    this.world.interactions.set(id, interaction);
    this.gateway.dispatch('INTERACTION_CREATE', interactionPayload(id, interaction.token, user, place, what));
    return interaction;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    const found = findRoute(request);
    const name = found?.route.name ?? `${request.method} ${request.path}`;
    this.requests.push(name);
    const fault = this.#takeFault(name);
    if (fault === 'hold') await new Promise<void>((resolve) => this.#held.push(resolve));
    if (this.down) {
      incoming.socket.destroy();
      return;
    }
    const { refusal, headers } = this.limits.check(name, found?.params[0] ?? '', this.world.now());
    const reply = refusal ?? (typeof fault === 'number' ? { status: fault } : this.#answer(request, found));
    const status = 'status' in reply ? reply.status : 429;
    if (found?.route.kind !== undefined) this.#record(found.route.kind, request, name, status);
    if (fault === 'lose-answer') {
      incoming.socket.destroy();
      return;
    }
    const more = 'headers' in reply ? reply.headers : headers;
    // an answer without a body carries no type: discord.js would read it as JSON
    const type = reply.body === undefined ? {} : { 'content-type': 'application/json' };
    response.writeHead(status, { ...type, ...more });
    response.end(reply.body === undefined ? undefined : JSON.stringify(reply.body));
  }

  #answer(request: FakeRequest, found: ReturnType<typeof findRoute>): Reply {
    if (found === undefined) return { status: 404, body: { code: 0, message: '404: Not Found' } };
    if (found.route.bot && request.authorization !== `Bot ${token}`) {
      return { status: 401, body: { code: 0, message: '401: Unauthorized' } };
    }
    return found.route.handle(this.world, request, found.params);
  }

  #record(kind: string, request: FakeRequest, route: string, status: number): void {
    const record = { kind, body: request.body, files: [...request.files.keys()], route, status };
    this.sent.push(record);
    const file = process.env['DISCORD_BODIES'];
    if (file !== undefined) appendFileSync(file, `${JSON.stringify(record)}\n`);
  }

  #takeFault(route: string): Fault | undefined {
    const planned = this.#faults.find((one) => one.route === route && one.left > 0);
    if (planned !== undefined) planned.left -= 1;
    return planned?.fault;
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
