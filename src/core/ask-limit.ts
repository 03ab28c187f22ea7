/** How many asks of one person are answered at once, and after how many milliseconds the next one is. */
export const askLimit = { burst: 20, everyMs: 3000 } as const;

/** How many people are remembered; those who asked longest ago are forgotten first. */
const mostPeople = 1000;

/** What is remembered of each person: until when their asks are spent, and that this was said. Oldest ask first. */
export type Asks = ReadonlyMap<string, { readonly spentUntil: number; readonly refused: boolean }>;

/** An ask that is answered, or after how many milliseconds to ask again; `first`: it is the first that is refused. */
export type AskResult =
  | { readonly asks: Asks; readonly answered: true }
  | { readonly asks: Asks; readonly answered: false; readonly waitMs: number; readonly first: boolean };

/**
 * Counts an ask of a person: a token bucket, kept as the one moment at which it is full again (the generic cell rate
 * algorithm). Memory is bounded: whoever has a full bucket needs no entry.
 */
export function takeAsk(asks: Asks, person: string, now: number): AskResult {
  const { burst, everyMs } = askLimit;
  const before = asks.get(person);
  // A clock that was set back must not lock anybody out for longer than a whole bucket takes.
  const spentUntil = Math.min(Math.max(before?.spentUntil ?? now, now), now + burst * everyMs);
  const waitMs = spentUntil - now - (burst - 1) * everyMs;
  const answered = waitMs <= 0;
  const next = answered ? { spentUntil: spentUntil + everyMs, refused: false } : { spentUntil, refused: true };
  const others = [...asks].filter(([other, entry]) => other !== person && entry.spentUntil > now);
  const kept = new Map([...others.slice(-(mostPeople - 1)), [person, next] as const]);
  return answered ? { asks: kept, answered } : { asks: kept, answered, waitMs, first: before?.refused !== true };
}
