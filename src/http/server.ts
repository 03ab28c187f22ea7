import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { UserError } from '../core/errors.ts';
import { type HttpAppOptions, httpApp } from './app.ts';

/** What the HTTP server of the bot needs: its routes and its limits. */
export interface HttpOptions extends HttpAppOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Milliseconds a client may take for its headers, and for its whole request. */
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** Milliseconds that answers under way may take when the server closes. */
  readonly graceMs?: number;
}

/** A server that listens. */
export interface HttpServer {
  /** `http://127.0.0.1:6780`, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** Takes no new request, ends event streams at once, lets the other answers finish. A second call waits too. */
  close(): Promise<void>;
}

/** Starts the one HTTP server of the bot. Rejects with a `UserError` when the address cannot be used. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, headersTimeoutMs = 10_000, requestTimeoutMs = 30_000, graceMs = 5_000 } = options;
  const streams = new Set<ServerResponse>();
  const server = createAdaptorServer({
    fetch: httpApp(options, streams).fetch,
    serverOptions: {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
      maxHeaderSize: 16 * 1024,
    },
  });
  const close = closable(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port)));
    server.listen(port, host, resolve);
  });
  const bound = portOf(server.address());
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  options.log.info({ url }, 'http server listens');
  let closing: Promise<void> | undefined;
  return {
    url,
    port: bound,
    close: () => (closing ??= close(streams, graceMs)),
  };
}

function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): UserError {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'another program listens there',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: 'this user may not use that port',
  };
  return new UserError(`Cannot listen on ${host}:${port}: ${reasons[error.code ?? ''] ?? error.message}.`, {
    next:
      error.code === 'EADDRNOTAVAIL'
        ? 'Set HTTP_HOST to an address of this machine.'
        : 'Set HTTP_PORT (for the demo: `npm run demo -- --port 6781`), or stop the program that uses this one.',
    cause: error,
  });
}

function portOf(address: string | AddressInfo | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/**
 * Watches a server's connections, so that it can be closed without waiting for those that carry nothing. Node's own
 * `closeIdleConnections` leaves connections open that never sent a request (v20), and browsers open such in advance.
 * @returns closes the server: `streams` at once (they never end by themselves), other answers within `graceMs`.
 */
export function closable(server: ServerType): (streams: Iterable<ServerResponse>, graceMs: number) => Promise<void> {
  const answering = new Map<Socket, number>();
  let closing = false;
  const count = (socket: Socket, by: number) => {
    const now = (answering.get(socket) ?? 0) + by;
    if (answering.has(socket)) answering.set(socket, now);
    if (closing && now === 0) socket.destroySoon();
  };
  server.on('connection', (socket: Socket) => {
    answering.set(socket, 0);
    socket.once('close', () => answering.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  return async (streams, graceMs) => {
    closing = true;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const stream of streams) stream.destroy();
    for (const socket of answering.keys()) count(socket, 0);
    const force = setTimeout(() => {
      for (const socket of answering.keys()) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(force);
  };
}
