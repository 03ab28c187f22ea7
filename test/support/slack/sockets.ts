import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Json } from './state.ts';

/** What came back for an envelope. `ms` after it was sent; Slack shows the person an error above 3000. */
export interface Ack {
  readonly ms: number;
  readonly payload: Json;
}

interface Envelope {
  readonly frame: string;
  readonly sent: number;
  readonly acked: (ack: Ack) => void;
}

/** The Socket Mode side: hello, envelopes and their acknowledgements, refresh, redelivery, pings. */
export class Sockets {
  readonly #server = new WebSocketServer({ noServer: true });
  readonly #open: WebSocket[] = [];
  readonly #envelopes = new Map<string, Envelope>();
  readonly #pings: NodeJS.Timeout;
  /** Acknowledgements as they came, also of envelopes that were sent twice. */
  readonly acks: { readonly envelope: string; readonly payload: Json }[] = [];
  /** Sockets that ever said hello. */
  greeted = 0;
  /** `false`: handshakes hang before the hello. */
  greets = true;
  #turn = 0;

  constructor() {
    this.#pings = setInterval(() => {
      for (const socket of this.#open) socket.ping();
    }, 5000);
  }

  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      if (request.url?.startsWith('/link/') !== true) return void socket.destroy();
      this.#server.handleUpgrade(request, socket, head, (link) => this.#greet(link));
    });
  }

  /** Sockets that take envelopes. */
  get count(): number {
    return this.#open.length;
  }

  /** Connections of any kind, also those that hang before the hello. */
  get linked(): number {
    return this.#server.clients.size;
  }

  /** Sends an envelope on one of the sockets, in turn; `undefined` when there is none: Slack shows the click as failed. */
  deliver(type: string, payload: Json): { readonly envelope: string; readonly ack: Promise<Ack> } | undefined {
    this.#turn += 1;
    const socket = this.#open[this.#turn % Math.max(1, this.#open.length)];
    if (socket === undefined) return undefined;
    const envelope = randomUUID();
    const frame = JSON.stringify({ envelope_id: envelope, type, payload, accepts_response_payload: true });
    const ack = new Promise<Ack>((acked) => this.#envelopes.set(envelope, { frame, sent: performance.now(), acked }));
    socket.send(frame);
    return { envelope, ack };
  }

  /** The same envelope again, on another socket where there is one. */
  redeliver(envelope: string): void {
    this.#turn += 1;
    this.#open[this.#turn % Math.max(1, this.#open.length)]?.send(this.#envelopes.get(envelope)?.frame ?? '');
  }

  /** Asks a socket to reconnect, as Slack does every few hours. No more envelopes go there. */
  refresh(index: number): void {
    const [socket] = this.#open.splice(index, 1);
    socket?.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested', debug_info: { host: 'local' } }));
  }

  /** Cuts every connection without a word. */
  cut(): void {
    for (const link of this.#server.clients) link.terminate();
    this.#open.length = 0;
  }

  close(): void {
    clearInterval(this.#pings);
    this.cut();
    this.#server.close();
  }

  #greet(link: WebSocket): void {
    link.on('message', (data: Buffer) => this.#acknowledge(data.toString('utf8')));
    link.on('close', () => {
      const index = this.#open.indexOf(link);
      if (index >= 0) this.#open.splice(index, 1);
    });
    if (!this.greets) return;
    this.#open.push(link);
    this.greeted += 1;
    link.send(
      JSON.stringify({
        type: 'hello',
        num_connections: this.#open.length,
        debug_info: {},
        connection_info: { app_id: 'A1' },
      }),
    );
  }

  #acknowledge(data: string): void {
    const { envelope_id: envelope, payload }: { envelope_id: string; payload: Json } = JSON.parse(data);
    this.acks.push({ envelope, payload });
    const known = this.#envelopes.get(envelope);
    known?.acked({ ms: performance.now() - known.sent, payload });
  }
}
