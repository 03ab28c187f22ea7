import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer, type HttpBindings, type ServerType } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { UserError } from '../core/errors.ts';
import type { Secret } from '../secret.ts';

/** The routes and limits of the HTTP server. */
export interface HttpOptions extends HttpAppOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Milliseconds a client may take for its headers, and for its whole request. */
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** Milliseconds that running answers may take when the server closes. */
  readonly graceMs?: number;
}

/** A listening server. */
export interface HttpServer {
  /** `http://127.0.0.1:6780`, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** Accepts no new request, ends event streams at once, and waits for the other answers. A second call waits as well. */
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
    ENOTFOUND: 'there is no host of that name',
    EAI_AGAIN: 'its name cannot be looked up now',
  };
  return new UserError(`Cannot listen on ${host}:${port}: ${reasons[error.code ?? ''] ?? error.message}.`, {
    next: ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(error.code ?? '')
      ? 'Set HTTP_HOST to an address of this machine.'
      : 'Set HTTP_PORT (for the demo: `npm run demo -- --port 6781`), or stop the program that uses this one.',
    cause: error,
  });
}

function portOf(address: string | AddressInfo | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/**
 * Tracks a server's connections, so that closing does not wait for idle ones. Node's own `closeIdleConnections` leaves
 * connections open that never sent a request (v20), and browsers open such connections in advance.
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

/** The parts of the bot's routes. */
export interface HttpAppOptions {
  readonly version: string;
  /** Each is mounted at `/` with its own whole paths. */
  readonly routes: readonly Hono[];
  readonly metrics?: Metrics;
  readonly log: Pick<Logger, 'info' | 'error'>;
}

/** The metrics that `GET /metrics` shows to a request with one of the tokens. */
interface Metrics {
  readonly registry: Registry;
  readonly tokens: readonly Secret[];
}

/**
 * Every route of the bot behind one set of headers, with the health check and the metrics. Answers that are event
 * streams are in `streams` as long as they are open.
 */
export function httpApp(options: HttpAppOptions, streams: Set<ServerResponse> = new Set()): Hono {
  const { metrics, version, log } = options;
  const app = new Hono();
  app.use('*', headers());
  app.use('*', rememberStreams(streams));
  app.get('/healthz', (c) => c.json({ ok: true, version }));
  if (metrics !== undefined) app.get('/metrics', (c) => showMetrics(c, metrics));
  for (const routes of options.routes) app.route('/', routes);
  app.notFound((c) => c.json({ error: `There is nothing at ${c.req.method} ${c.req.path}.` }, 404));
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    log.error({ err: error, method: c.req.method, path: c.req.path }, 'http request failed unexpectedly');
    return c.json(
      { error: 'An unexpected error inside proxnix.', next: 'The log of the bot has the whole story.' },
      500,
    );
  });
  return app;
}

/**
 * Requires a token, also from this machine: a reverse proxy runs here as well, and forwards requests of anybody.
 */
async function showMetrics(c: Context, { registry, tokens }: Metrics): Promise<Response> {
  const given = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (given !== undefined && tokens.some((token) => token.isSame(given))) {
    return c.body(await registry.metrics(), 200, { 'content-type': registry.contentType });
  }
  const next = 'Send Authorization: Bearer with METRICS_TOKEN or the console token.';
  return c.json({ error: 'The metrics require a token.', next }, 401, { 'www-authenticate': 'Bearer' });
}

function rememberStreams(streams: Set<ServerResponse>): MiddlewareHandler<{ Bindings: Partial<HttpBindings> }> {
  return async (c, next) => {
    await next();
    const response = c.env?.outgoing;
    if (response === undefined || !(c.res.headers.get('content-type') ?? '').startsWith('text/event-stream')) return;
    streams.add(response);
    response.once('close', () => streams.delete(response));
  };
}

/**
 * No inline script or style, no frame, no plugin, and DOM sinks such as innerHTML refuse text (trusted types).
 * Strict-Transport-Security is the reverse proxy's, where TLS ends: this server speaks plain HTTP.
 */
function headers() {
  const self = ["'self'"];
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: self,
      styleSrc: self,
      imgSrc: self,
      connectSrc: self,
      formAction: self,
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
      trustedTypes: ["'none'"],
    },
    referrerPolicy: 'no-referrer',
    xFrameOptions: 'DENY',
    strictTransportSecurity: false,
  });
}
