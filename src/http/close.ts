import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ServerType } from '@hono/node-server';

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
