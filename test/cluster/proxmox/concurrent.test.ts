import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { mapLimit } from '../../../src/cluster/proxmox/concurrent.ts';

it('no more than the limit is under way, and results keep the order of the items', async () => {
  let [now, most] = [0, 0];
  const results = await mapLimit([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++now);
    for (let turn = 0; turn < item; turn++) await setImmediate();
    now--;
    return item * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
});

it('the first failure is the answer', async () => {
  await expect(mapLimit([1, 2], 2, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
});
