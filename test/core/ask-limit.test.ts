import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Asks, askLimit, takeAsk } from '../../src/core/ask-limit.ts';

const { burst, everyMs } = askLimit;

/** Asks one after the other. @returns which were answered, and what is remembered */
function ask(times: readonly (readonly [person: string, now: number])[], start: Asks = new Map()) {
  let asks = start;
  const answered = times.map(([person, now]) => {
    const result = takeAsk(asks, person, now);
    asks = result.asks;
    return result.answered;
  });
  return { answered, asks };
}

const many = (count: number, person: string, now: number) =>
  Array.from({ length: count }, () => [person, now] as const);

describe('the limit of asks', () => {
  it('answers a burst, then one each while', () => {
    const { answered, asks } = ask(many(burst + 2, 'ada', 0));
    expect(answered.filter(Boolean)).toHaveLength(burst);
    expect(takeAsk(asks, 'ada', everyMs - 1).answered).toBe(false);
    const next = ask([...many(2, 'ada', everyMs)], asks);
    expect(next.answered).toEqual([true, false]);
  });

  it('says how long to wait, and which refusal is the first', () => {
    const { asks } = ask(many(burst, 'ada', 0));
    const first = takeAsk(asks, 'ada', 1000);
    expect(first).toMatchObject({ answered: false, waitMs: everyMs - 1000, first: true });
    expect(takeAsk(first.asks, 'ada', 1000)).toMatchObject({ answered: false, first: false });
    const answered = takeAsk(first.asks, 'ada', everyMs);
    expect(takeAsk(answered.asks, 'ada', everyMs)).toMatchObject({ answered: false, first: true });
  });

  it('limits nobody for what others ask', () => {
    const { asks } = ask(many(burst + 5, 'eve', 0));
    expect(takeAsk(asks, 'ada', 0).answered).toBe(true);
  });

  it('locks nobody out when the clock is set back', () => {
    const { asks } = ask(many(burst, 'ada', 1e12));
    const back = takeAsk(asks, 'ada', 0);
    expect(back).toMatchObject({ answered: false, waitMs: everyMs });
    expect(takeAsk(back.asks, 'ada', everyMs).answered).toBe(true);
  });

  it('remembers at most a thousand people, and nobody whose bucket is full again', () => {
    const crowd = Array.from({ length: 3000 }, (_, n) => [`p-${n}`, n / 1000] as const);
    expect(ask(crowd).asks.size).toBe(1000);
    expect(ask([['late', 3 + everyMs]], ask(crowd).asks).asks.size).toBe(1);
  });

  it('never answers more than a burst and one each while, at any times', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 2 * everyMs }), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(gaps, (waits) => {
        const times = waits.map((_, index) => {
          const at = waits.slice(0, index + 1).reduce((sum, wait) => sum + wait, 0);
          return ['ada', at] as const;
        });
        const now = times.at(-1)?.[1] ?? 0;
        const answered = ask(times).answered.filter(Boolean).length;
        expect(answered).toBeLessThanOrEqual(burst + Math.floor(now / everyMs));
        expect(answered).toBeGreaterThanOrEqual(Math.min(waits.length, burst));
      }),
    );
  });
});
