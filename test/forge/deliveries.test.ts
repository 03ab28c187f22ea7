import { expect, it } from 'vitest';
import { RecentDeliveries } from '../../src/forge/deliveries.ts';

it('remembers as many ids as it may and forgets the oldest first', () => {
  const deliveries = new RecentDeliveries(2);
  for (const id of ['a', 'b', 'a', 'c']) deliveries.add(id);
  expect(['a', 'b', 'c'].map((id) => deliveries.has(id))).toEqual([true, false, true]);
});
