import { describe, expect, it } from 'vitest';
import {
  type AcknowledgedDrift,
  isAcknowledged,
  onlyIgnored,
  withAcknowledged,
} from '../../src/core/acknowledged-drift.ts';

describe('a drift that people know of', () => {
  const shown: AcknowledgedDrift = { digest: 'a' };
  const ignored: AcknowledgedDrift = { digest: 'b', until: 100 };

  it('need not be shown again, once ignored until that is over', () => {
    expect(isAcknowledged([shown, ignored], 'a', 1000)).toBe(true);
    expect(isAcknowledged([shown, ignored], 'b', 99)).toBe(true);
    expect(isAcknowledged([shown, ignored], 'b', 100)).toBe(false);
    expect(isAcknowledged([shown, ignored], 'c', 0)).toBe(false);
  });

  it('is known once, as it was said last', () => {
    expect(withAcknowledged([shown, ignored], { digest: 'a', until: 200 }, 50)).toEqual([
      ignored,
      { digest: 'a', until: 200 },
    ]);
    expect(withAcknowledged([ignored], shown, 100)).toEqual([shown]);
  });

  it('is forgotten when nothing differs, unless it is ignored', () => {
    expect(onlyIgnored([shown, ignored], 50)).toEqual([ignored]);
    expect(onlyIgnored([shown, ignored], 100)).toEqual([]);
  });

  it('is forgotten when twenty others came after it', () => {
    const many = Array.from({ length: 25 }, (_, index) => ({ digest: String(index) }));
    const known = many.reduce<readonly AcknowledgedDrift[]>((all, one) => withAcknowledged(all, one, 0), []);
    expect(known.map(({ digest }) => digest)).toEqual(many.slice(5).map(({ digest }) => digest));
  });
});
