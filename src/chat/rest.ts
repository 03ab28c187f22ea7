import fetch from 'node-fetch';
import { UserError } from '../core/errors.ts';

/** The settings of a call to a service. */
export interface RestOptions {
  /** `Bot …` or `Bearer …`. */
  readonly authorization: string;
  readonly userAgent: string;
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The answer of a service, with any status. */
export interface RestAnswer {
  readonly status: number;
  /** The body as JSON; `undefined` when it is none. */
  readonly json: unknown;
  /** @param name in lower case */
  readonly header: (name: string) => string | undefined;
  /** Milliseconds by which the server's clock is ahead; `undefined` without a readable Date header. */
  readonly aheadMs: number | undefined;
}

/** Makes one call without repeating it. Every answer is a result; a missing one is a `UserError` without the token. */
export async function ask(url: string, options: RestOptions, form?: URLSearchParams): Promise<RestAnswer> {
  const { authorization, userAgent, timeoutMs, now } = options;
  const { host, pathname } = new URL(url);
  try {
    const response = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      headers: { authorization, 'user-agent': userAgent, accept: 'application/json' },
      // A redirect would send the token to another server.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      ...(form === undefined ? {} : { body: form }),
    });
    const text = await response.text();
    return {
      status: response.status,
      json: parseJson(text),
      header: (name) => response.headers.get(name) ?? undefined,
      aheadMs: aheadOf(response.headers.get('date'), now()),
    };
  } catch (error) {
    throw new UserError(`${host} did not answer ${pathname} (${codeOf(error)})`, {
      next: `curl -sI https://${host}/ tells whether this machine reaches it; a proxy or firewall may be in between`,
    });
  }
}

/** How far the sender's clock is ahead, by the Date header of its answer; `undefined` without a readable one. */
export function aheadOf(date: string | null, now: number): number | undefined {
  const time = Date.parse(date ?? '');
  // The header cuts off the fraction of a second, which is half a second on average.
  return Number.isNaN(time) ? undefined : time + 500 - now;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name === 'AbortError' ? 'timeout' : error.name;
}
