import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request of the bot as it went over the wire. */
export interface Sent {
  /** Milliseconds, when the last byte of it was there. */
  readonly at: number;
  readonly method: string;
  /** Decoded, with the query. */
  readonly path: string;
  readonly body: string;
}

/** Stands between the bot and a local server, hands everything on and writes down what the bot sent, and when. */
export interface Wire {
  readonly url: string;
  readonly sent: readonly Sent[];
  close(): Promise<void>;
}

/** @param target where requests go; asked anew for each, so the server behind may come back elsewhere */
export async function aWire(target: () => string): Promise<Wire> {
  const sent: Sent[] = [];
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await bytesOf(incoming);
      const { method = 'GET', url = '/', headers } = incoming;
      sent.push({ at: performance.now(), method, path: decodeURIComponent(url), body: body.toString('utf8') });
      const onward = send(new URL(url, target()), { method, headers, agent: false });
      onward.on('error', () => incoming.socket.destroy());
      onward.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onward.end(body);
    })().catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    sent,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
