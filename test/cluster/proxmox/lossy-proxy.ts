import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is lost once: the request on its way, the answer to one that was carried out, or only time. */
export interface Loss {
  readonly method: string;
  readonly path: RegExp;
  readonly what: 'request' | 'answer' | 'time';
  /** What comes in the place of the answer; absent: the connection ends. */
  readonly as?: Refusal;
  /** What happens while it is lost. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** An answer that is no success. `message` is that of the body, which is empty without it. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly message?: string;
}

/** A proxy between the adapter and the simulator that loses what it is told to. */
export class LossyProxy {
  readonly #losses: Loss[] = [];
  readonly #server: http.Server;
  readonly #target: string;
  /** Writes that reached the server, `POST /nodes/pve1/qemu`. */
  readonly writes: string[] = [];
  /** Writes that were sent, whatever became of them. */
  readonly sent: string[] = [];
  /** The parameters of every form that reached the server. */
  readonly forms: URLSearchParams[] = [];
  #refusal: Refusal | undefined;
  #refusalAfter: Refusal | undefined;
  /** Called before a write is passed on, with the number of those sent before it. */
  before: (index: number, write: string) => void | Promise<void> = () => {};

  constructor(target: string) {
    this.#target = target;
    this.#server = http.createServer((request, response) => void this.#serve(request, response));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  lose(loss: Loss): void {
    this.#losses.push(loss);
  }

  /** Answers so to every request, from now on or after the next answer, until `pass`. */
  refuseAll(refusal: Refusal, from: 'now' | 'next'): void {
    if (from === 'now') this.#refusal = refusal;
    else this.#refusalAfter = refusal;
  }

  pass(): void {
    this.#refusal = undefined;
    this.#refusalAfter = undefined;
  }

  /** Losses that did not happen yet. */
  get waiting(): number {
    return this.#losses.length;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const path = (request.url ?? '').replace('/api2/json', '');
    const write = `${method} ${path.split('?')[0]}`;
    if (method !== 'GET') await this.before(this.sent.push(write) - 1, write);
    if (this.#refusal !== undefined) return refuse(request, response, this.#refusal);
    const index = this.#losses.findIndex((loss) => loss.method === method && loss.path.test(path));
    const [loss] = index < 0 ? [] : this.#losses.splice(index, 1);
    if (loss?.what === 'request') {
      await loss.meanwhile?.();
      return refuse(request, response, loss.as);
    }
    if (loss?.what === 'time') await loss.meanwhile?.();
    if (method !== 'GET') this.writes.push(write);
    const options = { method, headers, agent: false };
    const upstream = http.request(`${this.#target}${request.url}`, options, (answer) => {
      this.#refusal ??= this.#refusalAfter;
      this.#refusalAfter = undefined;
      if (loss?.what !== 'answer') {
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.headers);
        answer.pipe(response);
      } else answer.resume().on('end', () => refuse(request, response, loss.as));
    });
    upstream.on('error', () => request.socket.destroy());
    if (headers['content-type']?.startsWith('application/x-www-form-urlencoded')) this.#keepForm(request);
    request.pipe(upstream);
  }

  #keepForm(request: http.IncomingMessage): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.on('end', () => void this.forms.push(new URLSearchParams(Buffer.concat(chunks).toString())));
  }
}

function refuse(request: http.IncomingMessage, response: http.ServerResponse, as: Refusal | undefined): void {
  if (as === undefined) {
    request.socket.destroy();
    return;
  }
  const { status, reason, message } = as;
  // After the body: an answer before its end would look like a lost connection now and then.
  const answer = () => {
    response.writeHead(status, reason, {
      connection: 'close',
      ...(message === undefined ? {} : { 'content-type': 'application/json' }),
    });
    response.end(message === undefined ? '' : JSON.stringify({ data: null, message: `${message}\n` }));
  };
  if (request.readableEnded) answer();
  else request.resume().on('end', answer);
}
