import { describe, expect, it } from 'vitest';
import { isKnown, type KnownDrift, onlyIgnored, withKnown } from '../../src/core/known-drift.ts';

describe('a drift that people know of', () => {
  const shown: KnownDrift = { digest: 'a' };
  const ignored: KnownDrift = { digest: 'b', until: 100 };

  it('need not be shown again, once ignored until that is over', () => {
    expect(isKnown([shown, ignored], 'a', 1000)).toBe(true);
    expect(isKnown([shown, ignored], 'b', 99)).toBe(true);
    expect(isKnown([shown, ignored], 'b', 100)).toBe(false);
    expect(isKnown([shown, ignored], 'c', 0)).toBe(false);
  });

  it('is known once, as it was said last', () => {
    expect(withKnown([shown, ignored], { digest: 'a', until: 200 }, 50)).toEqual([
      ignored,
      { digest: 'a', until: 200 },
    ]);
    expect(withKnown([ignored], shown, 100)).toEqual([shown]);
  });

  it('is forgotten when nothing differs, unless it is ignored', () => {
    expect(onlyIgnored([shown, ignored], 50)).toEqual([ignored]);
    expect(onlyIgnored([shown, ignored], 100)).toEqual([]);
  });

  it('is forgotten when twenty others came after it', () => {
    const many = Array.from({ length: 25 }, (_, index) => ({ digest: String(index) }));
    const known = many.reduce<readonly KnownDrift[]>((all, one) => withKnown(all, one, 0), []);
    expect(known.map(({ digest }) => digest)).toEqual(many.slice(5).map(({ digest }) => digest));
  });
});
