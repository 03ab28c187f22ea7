import type { ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Secret } from '../secret.ts';

/** What the routes of the bot are made of. */
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
 * For those with a token. That a request comes from this machine proves nothing: a reverse proxy runs here as well, and
 * hands on what anybody asks.
 */
async function showMetrics(c: Context, { registry, tokens }: Metrics): Promise<Response> {
  const given = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (given !== undefined && tokens.some((token) => token.isSame(given))) {
    return c.body(await registry.metrics(), 200, { 'content-type': registry.contentType });
  }
  const next = 'Send Authorization: Bearer with METRICS_TOKEN or the console token.';
  return c.json({ error: 'The metrics are for those with a token.', next }, 401, { 'www-authenticate': 'Bearer' });
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
