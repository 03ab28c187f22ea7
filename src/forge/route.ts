import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type Context, Hono } from 'hono';
import type { PushEvent, PushOutcome } from '../core/commit.ts';
import type { PullEvent } from '../core/pull.ts';
import type { Log } from '../log.ts';
import type { Secret } from '../secret.ts';
import type { Forge, Headers } from './forge.ts';

/** Whether `hex` is the lower-case HMAC-SHA256 of the body under the secret. Constant time; an empty secret matches nothing. */
export function isSignedHex(body: Uint8Array, secret: string, hex: string | undefined): boolean {
  if (secret === '' || hex === undefined || !/^[0-9a-f]{64}$/.test(hex)) return false;
  return timingSafeEqual(hmac(secret, body), Buffer.from(hex, 'hex'));
}

/** Reads GitHub's spelling, `sha256=<hex>`; any other prefix (also the old `sha1=`) is no signature. */
export function isSignedHub(body: Uint8Array, secret: string, header: string | undefined): boolean {
  if (header === undefined || !header.startsWith('sha256=')) return false;
  return isSignedHex(body, secret, header.slice('sha256='.length));
}

/** Compares texts of any length in constant time, by their digests. An empty text equals nothing. */
export function isSameText(given: string | undefined, expected: string): boolean {
  if (given === undefined || given === '' || expected === '') return false;
  return timingSafeEqual(sha256(given), sha256(expected));
}

/** HMAC-SHA256 over the parts, one after the other. */
export function hmac(key: string | Uint8Array, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const signer = createHmac('sha256', key);
  for (const part of parts) signer.update(part);
  return signer.digest();
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The collaborators of the webhook. */
export interface WebhookOptions {
  /** Asked in this order whether a request is theirs. */
  readonly forges: readonly Forge[];
  readonly secret: Secret;
  /** Called for a push with a right signature, also when it is repeated. Answers at once; the plan is made later. */
  onPush(push: PushEvent): PushOutcome;
  /** Called for a pull or merge request with a right signature, once for each delivery. Answers at once as well. */
  onPull(pull: PullEvent): PushOutcome;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly limitBytes?: number;
  /** Milliseconds that a sender may take for the whole body. */
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
    case 'push': {
      const { push } = delivery;
      return hand(c, receiver, forge, push, (isRepeated) =>
        receiver.onPush(isRepeated ? { ...push, isRepeated } : push),
      );
    }
    case 'pull': {
      const { pull } = delivery;
      return hand(c, receiver, forge, pull, (isRepeated) => (isRepeated ? seenBefore : receiver.onPull(pull)));
    }
  }
}

const seenBefore: PushOutcome = { kind: 'ignored', why: 'the delivery was seen before', isOtherRepository: false };

function hand(
  c: Context,
  receiver: Receiver,
  forge: Forge,
  event: PushEvent | PullEvent,
  offer: (isRepeated: boolean) => PushOutcome,
): Response {
  const { deliveries, log } = receiver;
  const id = event.delivery === undefined ? undefined : `${forge.name} ${event.delivery}`;
  const isRepeated = id !== undefined && deliveries.has(id);
  const outcome = offer(isRepeated);
  if (isRepeated && outcome.kind === 'ignored') {
    log.info({ forge: forge.name, ...event, why: outcome.why }, 'webhook already seen');
    return c.json({ status: 'already seen' });
  }
  // Remembered only after success, so that the forge may repeat a delivery that failed inside the bot.
  if (id !== undefined) deliveries.add(id);
  if (outcome.kind === 'accepted') {
    log.info({ forge: forge.name, ...event }, 'webhook taken');
    return c.json({ status: 'accepted' }, 202);
  }
  // Whoever signs may push: a repository that nobody expects is a mistake of the configuration, or it was renamed.
  const facts = { forge: forge.name, ...event, why: outcome.why };
  if (outcome.isOtherRepository) log.warn(facts, 'webhook ignored: another repository');
  else log.info(facts, 'webhook ignored');
  return c.json({ status: 'ignored', why: outcome.why });
}

/** One answer for every request without a valid signature, so that it reveals nothing. */
function refuse(c: Context, { log }: Receiver, why: string): Response {
  log.warn({ why, contentType: c.req.header('content-type')?.slice(0, 100) }, 'webhook refused');
  return c.json({ status: 'unauthorized' }, 401);
}

/** Closes the connection after the answer. Hono's Node adapter reads for another half second, so the sender gets the answer. */
function turnAway(c: Context, { log }: Receiver, code: 400 | 408 | 413, why: string): Response {
  log.warn({ why }, 'webhook refused');
  return c.json({ status: why }, code);
}

/** The raw body of a request, or the reason why it is missing. */
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

/** The recent delivery ids. */
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
