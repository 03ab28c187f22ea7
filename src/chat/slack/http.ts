import { type App, isValidSlackRequest, type Receiver } from '@slack/bolt';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import type { Log } from '../../log.ts';

/** The collaborators of the receiver. */
export interface HttpOptions {
  readonly signingSecret: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
}

const Body = z.record(z.string(), z.unknown());

/** The Request URL of the app's commands and interactivity, as a route of the bot's one HTTP server. */
export class HttpReceiver implements Receiver {
  readonly #options: HttpOptions;
  readonly #routes = new Hono();
  #app: App | undefined;
  #isOpen = false;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#routes.post('/slack/events', bodyLimit({ maxSize: 1024 * 1024 }), (context) => this.#receive(context));
  }

  /** `POST /slack/events`. */
  routes(): Hono {
    return this.#routes;
  }

  init(app: App): void {
    this.#app = app;
  }

  async start(): Promise<void> {
    this.#isOpen = true;
  }

  async stop(): Promise<void> {
    this.#isOpen = false;
  }

  async #receive(context: Context): Promise<Response> {
    const { signingSecret: secret, now, log } = this.#options;
    const raw = await context.req.text();
    const timestamp = context.req.header('x-slack-request-timestamp');
    const signature = context.req.header('x-slack-signature');
    if (!isFromSlack({ secret, body: raw, timestamp, signature, now: now() })) {
      // Slack checks the certificate with an unsigned `ssl_check=1` without a command.
      if (new URLSearchParams(raw).get('ssl_check') === '1') return context.body(null, 200);
      log.warn({ timestamp: timestamp?.slice(0, 100) }, 'a request without a valid Slack signature was refused');
      return context.text('invalid signature', 401);
    }
    const body = readBody(raw, context.req.header('content-type') ?? '');
    if (body === undefined) return context.text('malformed body', 400);
    if (body['type'] === 'url_verification') return context.json({ challenge: body['challenge'] });
    if (!this.#isOpen || this.#app === undefined) return context.text('not ready', 503);
    return await this.#process(context, this.#app, body);
  }

  /** Responds with the acknowledgement of the listener, whose work continues after the response. */
  #process(context: Context, app: App, body: Readonly<Record<string, unknown>>): Promise<Response> {
    return new Promise((resolve) => {
      const ack = async (answer?: unknown): Promise<void> => {
        const empty = answer === undefined || answer === '';
        resolve(empty ? context.body(null, 200) : context.json(Body.parse(answer)));
      };
      app.processEvent({ body, ack }).then(
        () => resolve(context.text('not for this app', 404)),
        (error: unknown) => {
          this.#options.log.error({ err: error }, 'a request of Slack failed');
          resolve(context.text('failed', 500));
        },
      );
    });
  }
}

/** Slash commands come as a flat form, interactions as a form with JSON in `payload`, events as JSON. */
function readBody(raw: string, type: string): Readonly<Record<string, unknown>> | undefined {
  const form = type.startsWith('application/x-www-form-urlencoded') ? new URLSearchParams(raw) : undefined;
  const json = form === undefined ? raw : form.get('payload');
  if (json === null) return Object.fromEntries(form ?? []);
  try {
    return Body.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

/** A request that may come from Slack. */
export interface SignedRequest {
  readonly secret: string;
  /** The raw body. */
  readonly body: string;
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Whether a request comes from Slack:
 * 1. It carries the time of sending, in whole seconds.
 * 2. That time is at most five minutes in the past or in the future (Bolt accepts any future time).
 * 3. It is signed with the configured secret: `v0=` and HMAC-SHA256 of `v0:TIMESTAMP:BODY`, compared in constant time by Bolt.
 */
export function isFromSlack({ secret, body, timestamp, signature, now }: SignedRequest): boolean {
  if (secret === '' || timestamp === undefined || signature === undefined) return false;
  if (!/^\d{1,12}$/.test(timestamp)) return false;
  const seconds = Number(timestamp);
  if (Math.abs(now / 1000 - seconds) > 300) return false;
  return isValidSlackRequest({
    signingSecret: secret,
    body,
    headers: { 'x-slack-signature': signature, 'x-slack-request-timestamp': seconds },
    nowMilliseconds: now,
  });
}
