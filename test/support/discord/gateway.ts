import type { Server } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { token } from './ids.ts';

const Packet = z.object({ op: z.number(), d: z.unknown() });
const Identify = z.object({ token: z.string(), intents: z.number() });
const Resume = z.object({ session_id: z.string(), seq: z.number() });

interface Dispatch {
  readonly s: number;
  readonly t: string;
  readonly d: unknown;
}

export interface GatewayOptions {
  /** What READY and the GUILD_CREATEs after it tell. */
  readonly ready: (sessionId: string) => unknown;
  readonly guilds: () => readonly unknown[];
}

/** Discord's gateway: JSON without compression, one shard, sessions that can be resumed. */
export class FakeGateway {
  /** Milliseconds. */
  heartbeatInterval = 41_250;
  /** Heartbeats are not answered: the connection looks dead. */
  silent = false;
  readonly identifies: { readonly intents: number }[] = [];
  resumes = 0;
  readonly #options: GatewayOptions;
  readonly #server: WebSocketServer;
  #session: { id: string; sent: Dispatch[] } | undefined;
  #socket: WebSocket | undefined;

  constructor(http: Server, options: GatewayOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({ server: http, path: '/gateway' });
    this.#server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => this.#receive(socket, data.toString()));
      send(socket, { op: 10, d: { heartbeat_interval: this.heartbeatInterval } });
    });
  }

  /** Sends an event, and keeps it for a resume. */
  dispatch(t: string, d: unknown): void {
    const session = this.#session;
    if (session === undefined) throw new Error('no bot is connected');
    const event = { s: session.sent.length + 1, t, d };
    session.sent.push(event);
    if (this.#socket?.readyState === WebSocket.OPEN) send(this.#socket, { op: 0, ...event });
  }

  /** The last event once more, as after a resume with an old sequence number. */
  repeat(): void {
    const last = this.#session?.sent.at(-1);
    if (last !== undefined && this.#socket !== undefined) send(this.#socket, { op: 0, ...last });
  }

  get connected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** 4000: resumed in half a second; 1006-like: `terminate`. */
  close(code: number): void {
    this.#socket?.close(code);
  }

  /** The connection dies without a word. */
  terminate(): void {
    this.#socket?.terminate();
  }

  /** Opcode 7: come back and resume. */
  askReconnect(): void {
    if (this.#socket !== undefined) send(this.#socket, { op: 7, d: null });
  }

  /** Opcode 9: the session is gone, identify anew. */
  invalidateSession(): void {
    const socket = this.#socket;
    this.#session = undefined;
    if (socket !== undefined) send(socket, { op: 9, d: false });
  }

  stop(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  #receive(socket: WebSocket, text: string): void {
    const { op, d } = Packet.parse(JSON.parse(text));
    if (op === 1 && !this.silent) send(socket, { op: 11 });
    if (op === 2) this.#identify(socket, d);
    if (op === 6) this.#resume(socket, d);
  }

  #identify(socket: WebSocket, d: unknown): void {
    const identify = Identify.parse(d);
    if (identify.token !== token) {
      socket.close(4004);
      return;
    }
    this.identifies.push({ intents: identify.intents });
    const id = `session-${this.identifies.length}`;
    this.#session = { id, sent: [] };
    this.#socket = socket;
    this.dispatch('READY', this.#options.ready(id));
    for (const guild of this.#options.guilds()) this.dispatch('GUILD_CREATE', guild);
  }

  #resume(socket: WebSocket, d: unknown): void {
    const resume = Resume.parse(d);
    if (this.#session?.id !== resume.session_id) {
      send(socket, { op: 9, d: false });
      return;
    }
    this.resumes += 1;
    this.#socket = socket;
    for (const event of this.#session.sent.filter((event) => event.s > resume.seq)) send(socket, { op: 0, ...event });
    this.dispatch('RESUMED', {});
  }
}

function send(socket: WebSocket, packet: object): void {
  socket.send(JSON.stringify(packet));
}
