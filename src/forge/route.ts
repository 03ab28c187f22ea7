import { type Context, Hono } from 'hono';
import type { PushEvent } from '../core/commit.ts';
import type { Log } from '../log.ts';
import type { Secret } from '../secret.ts';
import type { Forge, Headers } from './forge.ts';

/** What the webhook needs of the bot. */
export interface WebhookOptions {
  /** Asked in this order whether a request is theirs. */
  readonly forges: readonly Forge[];
  readonly secret: Secret;
  /** Called for a push with a right signature. Answers at once; the plan is made later. */
  onPush(push: PushEvent): 'accepted' | 'ignored';
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly limitBytes?: number;
  /** Milliseconds a sender may take for the whole body. */
  readonly bodyTimeoutMs?: number;
  readonly deliveries?: RecentDeliveries;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** `POST /webhook`, and `/whlisten` as the Rust daemon called it. Nothing of a body is read before it is verified. */
export function webhookRoutes(options: WebhookOptions): Hono {
  const receiver = {
    limitBytes: 1024 * 1024,
    bodyTimeoutMs: 10_000,
    deliveries: new RecentDeliveries(),
    now: Date.now,
    ...options,
  };
  const app = new Hono();
  app.on('POST', ['/webhook', '/whlisten'], (c) => receive(c, receiver));
  return app;
}

type Receiver = WebhookOptions & {
  readonly limitBytes: number;
  readonly bodyTimeoutMs: number;
  readonly deliveries: RecentDeliveries;
  readonly now: () => number;
};

async function receive(c: Context, receiver: Receiver): Promise<Response> {
  const headers: Headers = (name) => c.req.header(name);
  const forge = receiver.forges.find((one) => one.recognises(headers));
  if (forge === undefined) return refuse(c, receiver, 'no forge sends such headers');
  const body = await readBody(c.req.raw, { limitBytes: receiver.limitBytes, timeoutMs: receiver.bodyTimeoutMs });
  switch (body.kind) {
    case 'too-large':
      return turnAway(c, receiver, 413, 'too large');
    case 'too-slow':
      return turnAway(c, receiver, 408, 'too slow');
    case 'broken':
      return turnAway(c, receiver, 400, 'cut off');
    case 'bytes':
      if (!forge.verify(headers, body.bytes, receiver.secret.reveal(), receiver.now()))
        return refuse(c, receiver, 'wrong signature');
      return take(c, receiver, forge, body.bytes);
  }
}

function take(c: Context, receiver: Receiver, forge: Forge, body: Uint8Array): Response {
  const { log } = receiver;
  const delivery = forge.parse((name) => c.req.header(name), body);
  switch (delivery.kind) {
    case 'malformed':
      log.warn({ forge: forge.name, why: delivery.why }, 'webhook malformed');
      return c.json({ status: 'malformed', why: delivery.why }, 400);
    case 'ignored':
      log.info({ forge: forge.name, why: delivery.why }, 'webhook ignored');
      return c.json({ status: 'ignored', why: delivery.why });
    case 'push':
      return hand(c, receiver, forge, delivery.push);
  }
}

function hand(c: Context, receiver: Receiver, forge: Forge, push: PushEvent): Response {
  const { deliveries, log } = receiver;
  const id = push.delivery === undefined ? undefined : `${forge.name} ${push.delivery}`;
  if (id !== undefined && deliveries.has(id)) {
    log.info({ forge: forge.name, ...push }, 'webhook already seen');
    return c.json({ status: 'already seen' });
  }
  const outcome = receiver.onPush(push);
  // Only now: a delivery that failed inside the bot may come again.
  if (id !== undefined) deliveries.add(id);
  log.info({ forge: forge.name, ...push, outcome }, 'webhook taken');
  return outcome === 'accepted'
    ? c.json({ status: 'accepted' }, 202)
    : c.json({ status: 'ignored', why: 'another repository or branch' });
}

/** One answer for everything that is not signed by us: it tells a stranger nothing. */
function refuse(c: Context, { log }: Receiver, why: string): Response {
  log.warn({ why, contentType: c.req.header('content-type')?.slice(0, 100) }, 'webhook refused');
  return c.json({ status: 'unauthorized' }, 401);
}

/** Node's adapter of Hono goes on reading for half a second, so the sender sees the answer, and then hangs up. */
function turnAway(c: Context, { log }: Receiver, code: 400 | 408 | 413, why: string): Response {
  log.warn({ why }, 'webhook refused');
  return c.json({ status: why }, code);
}

/** A request's body as it came, or why there is none. */
type Body =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'too-slow' }
  | { readonly kind: 'broken' };

/** Reads the raw body. Never keeps more than `limitBytes`, never takes longer than `timeoutMs` for the whole of it. */
async function readBody(request: Request, limits: { limitBytes: number; timeoutMs: number }): Promise<Body> {
  if (Number(request.headers.get('content-length') ?? 0) > limits.limitBytes) return { kind: 'too-large' };
  if (request.body === null) return { kind: 'bytes', bytes: new Uint8Array() };
  const reader = request.body.getReader();
  const deadline = after(limits.timeoutMs);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), deadline.reached]);
      if (next === 'late') return { kind: 'too-slow' };
      if (next.done) return { kind: 'bytes', bytes: Buffer.concat(chunks) };
      size += next.value.byteLength;
      if (size > limits.limitBytes) return { kind: 'too-large' };
      chunks.push(next.value);
    }
  } catch {
    // The sender closed the connection before the end of the body.
    return { kind: 'broken' };
  } finally {
    deadline.clear();
  }
}

function after(ms: number): { readonly reached: Promise<'late'>; clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const reached = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms);
  });
  return { reached, clear: () => clearTimeout(timer) };
}

/** The delivery ids of late. A forge that sends one again gets an answer and nothing else happens. */
export class RecentDeliveries {
  readonly #limit: number;
  readonly #ids = new Set<string>();

  /** @param limit how many ids are kept; the oldest is forgotten first */
  constructor(limit = 1_000) {
    this.#limit = limit;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= this.#limit) return;
      this.#ids.delete(oldest);
    }
  }
}
