/** How many requests one person may make at once, and after how many milliseconds each further one is allowed. */
export const askLimit = { burst: 20, everyMs: 3000 } as const;

/** How many people are remembered; the entries of the oldest requests are dropped first. */
const mostPeople = 1000;

/** By person: the time at which the bucket is full again, and whether a refusal was audited. Oldest request first. */
export type Asks = ReadonlyMap<string, { readonly spentUntil: number; readonly refused: boolean }>;

/**
 * The result for one request: allowed, or refused with the wait in milliseconds. `first`: it is the first refusal in a
 * row.
 */
export type AskResult =
  | { readonly asks: Asks; readonly answered: true }
  | { readonly asks: Asks; readonly answered: false; readonly waitMs: number; readonly first: boolean };

/**
 * Counts a request of a person with a token bucket, stored as the time at which it is full again (generic cell rate
 * algorithm). Memory is bounded: a person with a full bucket needs no entry.
 */
export function takeAsk(asks: Asks, person: string, now: number): AskResult {
  const { burst, everyMs } = askLimit;
  const before = asks.get(person);
  // After the clock was set back, nobody is refused for longer than a whole bucket takes to fill.
  const spentUntil = Math.min(Math.max(before?.spentUntil ?? now, now), now + burst * everyMs);
  const waitMs = spentUntil - now - (burst - 1) * everyMs;
  const answered = waitMs <= 0;
  const next = answered ? { spentUntil: spentUntil + everyMs, refused: false } : { spentUntil, refused: true };
  const others = [...asks].filter(([other, entry]) => other !== person && entry.spentUntil > now);
  const kept = new Map([...others.slice(-(mostPeople - 1)), [person, next] as const]);
  return answered ? { asks: kept, answered } : { asks: kept, answered, waitMs, first: before?.refused !== true };
}
