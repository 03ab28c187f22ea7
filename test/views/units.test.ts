import { describe, expect, it } from 'vitest';
import type { Line } from '../../src/views/card.ts';
import { UnitsInRoom, unitsOf } from '../../src/views/units.ts';
import { manyGuests } from '../support/many-guests.ts';

/** The block in so many lines. */
function inLines(block: Parameters<typeof unitsOf>[0], room: number): UnitsInRoom<Line> {
  let left = room;
  const take = (lines: readonly Line[]) => {
    if (lines.length > left) return false;
    left -= lines.length;
    return true;
  };
  const units = new UnitsInRoom(unitsOf(block));
  units.takeKept(take);
  units.takeOthers(take);
  return units;
}

describe('what is left out', () => {
  it('is nothing where all fits', () => {
    const units = inLines(manyGuests({ create: 3 }), 100);
    expect([units.more(), units.missing(), units.lost()]).toEqual(['', [], 0]);
  });

  it('is counted in guests, with their action where it is the same', () => {
    expect(inLines(manyGuests({ replace: 2, create: 9 }), 9).more()).toBe('8 more guests, all create');
    expect(inLines(manyGuests({ replace: 2, create: 9 }), 3).more()).toBe('10 more guests');
    expect(inLines(manyGuests({ create: 2 }), 3).more()).toBe('1 more guest, create');
  });

  it('is counted in lines where there are no guests', () => {
    const lines = ['a', 'b', 'c'].map((text) => ({ text }));
    expect(inLines({ kind: 'lines', lines }, 1).more()).toBe('2 more lines');
    expect(inLines({ kind: 'lines', lines }, 2).more()).toBe('1 more line');
  });

  it('is of a guest to keep first what stands behind its first line, then the guest, which is lost', () => {
    const block = manyGuests({ create: 1, destroy: 4 });
    const named = inLines(block, 6);
    expect([named.more(), named.lost()]).toEqual(['1 more guest, create, more of 3 guests', 0]);
    expect(named.lines().filter(({ mark }) => mark === '-')).toHaveLength(4);
    const lost = inLines(block, 3);
    expect([lost.more(), lost.lost()]).toEqual(['2 more guests, more of 3 guests', 1]);
  });
});
