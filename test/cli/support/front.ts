import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** An answer of the front itself: status and JSON. */
export interface Canned {
  readonly status: number;
  readonly body?: unknown;
}

export interface Front {
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** Answers by `GET /path`; what is not among them goes to the server behind. */
  readonly answers: Map<string, Canned>;
  /** Headers put on every answer, over those of the server behind. */
  readonly headers: Map<string, string>;
  /** `GET /path` of every request so far. */
  readonly requests: string[];
}

/** A server before another one, for the calls of the doctor that the bot itself never makes. Ends with the test. */
export async function startFront(behind: string): Promise<Front> {
  const answers = new Map<string, Canned>();
  const headers = new Map<string, string>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const name = `${request.method} ${request.url}`;
    requests.push(name);
    for (const [header, value] of headers) response.setHeader(header, value);
    const canned = answers.get(name);
    if (canned === undefined) return pass(new URL(behind), request, response);
    request.resume();
    response.writeHead(canned.status, { 'content-type': 'application/json' }).end(JSON.stringify(canned.body ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, answers, headers, requests };
}

function pass({ hostname, port }: URL, request: IncomingMessage, response: ServerResponse): void {
  const { method, url: path, headers } = request;
  const onward = send({ hostname, port, method, path, headers }, (answer) => {
    const own = response.getHeaders();
    const kept = Object.entries(answer.headers).filter(([name]) => own[name] === undefined);
    response.writeHead(answer.statusCode ?? 502, { ...own, ...Object.fromEntries(kept) });
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}
