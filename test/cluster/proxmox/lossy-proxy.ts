import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is lost once: the request on its way, the answer to one that was carried out, or only time. */
export interface Loss {
  readonly method: string;
  readonly path: RegExp;
  readonly what: 'request' | 'answer' | 'time';
  /** What happens while it is lost. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** A proxy between the adapter and the simulator that loses what it is told to. */
export class LossyProxy {
  readonly #losses: Loss[] = [];
  readonly #server: http.Server;
  /** Writes that reached the server, `POST /nodes/pve1/qemu`. */
  readonly writes: string[] = [];

  constructor(target: string) {
    this.#server = http.createServer((request, response) => {
      const { method = '', headers } = request;
      const path = (request.url ?? '').replace('/api2/json', '');
      const index = this.#losses.findIndex((loss) => loss.method === method && loss.path.test(path));
      const [loss] = index < 0 ? [] : this.#losses.splice(index, 1);
      if (loss?.what === 'request') {
        void (loss.meanwhile?.() ?? Promise.resolve()).finally(() => request.socket.destroy());
        return;
      }
      if (method !== 'GET') this.writes.push(`${method} ${path.split('?')[0]}`);
      const meanwhile = loss?.what === 'time' ? loss.meanwhile : undefined;
      const upstream = http.request(`${target}${request.url}`, { method, headers, agent: false }, (answer) => {
        if (loss?.what !== 'answer') {
          response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.headers);
          answer.pipe(response);
        } else answer.resume().on('end', () => request.socket.destroy());
      });
      upstream.on('error', () => request.socket.destroy());
      void (meanwhile?.() ?? Promise.resolve()).finally(() => request.pipe(upstream));
    });
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

  /** Losses that did not happen yet. */
  get waiting(): number {
    return this.#losses.length;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
