export interface RateLimit {
  /** Seconds; absent: the answer names no wait. */
  readonly retryAfter?: number;
  readonly times: number;
  /** The wait stands in the body, not in a header. */
  readonly bodyOnly?: boolean;
  readonly global?: boolean;
}

/** An answer 429 as Discord sends it, or nothing. */
export interface Refusal {
  readonly body: { readonly message: string; readonly retry_after?: number; readonly global: boolean };
  readonly headers: Readonly<Record<string, string>>;
}

/** 429s on demand, and fixed windows for each bucket: `PATCH /channels/:id/messages/:id` with its channel. */
export class RateLimits {
  readonly #next = new Map<string, { left: number; limit: RateLimit }>();
  readonly #windows = new Map<string, { limit: number; ms: number; used: Map<string, number[]> }>();

  /** The next requests of a route are refused. */
  refuse(route: string, limit: RateLimit): void {
    this.#next.set(route, { left: limit.times, limit });
  }

  /** From now on a route takes `limit` requests in `ms`, for each channel. */
  window(route: string, limit: number, ms: number): void {
    this.#windows.set(route, { limit, ms, used: new Map() });
  }

  /** Counts a request; the headers belong to every answer of the route. */
  check(route: string, major: string, now: number): { refusal?: Refusal; headers: Record<string, string> } {
    const planned = this.#next.get(route);
    if (planned !== undefined && planned.left > 0) {
      planned.left -= 1;
      return { refusal: refusalOf(planned.limit), headers: {} };
    }
    const window = this.#windows.get(route);
    if (window === undefined) return { headers: {} };
    const used = (window.used.get(major) ?? []).filter((at) => now - at < window.ms);
    const resetAfter = used[0] === undefined ? window.ms / 1000 : (used[0] + window.ms - now) / 1000;
    const refused = used.length >= window.limit;
    if (!refused) window.used.set(major, [...used, now]);
    const headers = {
      'x-ratelimit-limit': String(window.limit),
      'x-ratelimit-remaining': String(Math.max(0, window.limit - used.length - 1)),
      'x-ratelimit-reset-after': resetAfter.toFixed(3),
      'x-ratelimit-bucket': Buffer.from(route).toString('hex').slice(0, 16),
    };
    return refused ? { refusal: refusal(resetAfter, false, headers), headers } : { headers };
  }
}

function refusalOf({ retryAfter, global = false, bodyOnly = false }: RateLimit): Refusal {
  const whole = refusal(retryAfter, global, {});
  return bodyOnly ? { ...whole, headers: {} } : whole;
}

function refusal(retryAfter: number | undefined, global: boolean, headers: Readonly<Record<string, string>>): Refusal {
  return {
    body: {
      message: 'You are being rate limited.',
      ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
      global,
    },
    headers: {
      ...headers,
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      'x-ratelimit-scope': global ? 'global' : 'user',
      ...(global ? { 'x-ratelimit-global': 'true' } : {}),
    },
  };
}
