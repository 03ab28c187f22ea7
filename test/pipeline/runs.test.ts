import { describe, expect, it } from 'vitest';
import { diskFull } from '../fakes/store.ts';
import { aBench } from '../support/pipeline.ts';
import { shaOf, threeVms } from './support/fleet.ts';

describe('a disk that is full when a run begins', () => {
  for (const at of ['run', 'fleet'] as const) {
    it(`does not leave a run that nobody works on (the ${at} cannot be written)`, async () => {
      const bench = await aBench();
      bench.store.fails = (write) => (write.kind === at ? diskFull() : undefined);
      await bench.push(1);
      bench.store.fails = () => undefined;
      await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
      expect(bench.run('planned').commit.sha).toBe(shaOf(2));
      expect(bench.pipeline.runs().filter(({ phase }) => phase === 'planning')).toEqual([]);
    });
  }
});

describe('a bot that has planned hundreds of pushes', () => {
  it('forgets the oldest runs, as its store does', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    for (let n = 2; n <= 130; n++) await bench.push(n);
    expect(bench.pipeline.runs().map(({ id }) => id)).toEqual(bench.store.runs().map(({ run }) => run.id));
    expect(bench.pipeline.runs().length).toBeLessThanOrEqual(101);
    await bench.push(131, { vms: threeVms({ memory_mb: 4096 }) });
    expect(bench.run('planned').id).toBe('r-131');
  });
});

describe('what a plan pinned in the mirror', () => {
  it('is let go when its run ends, however it ends', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(bench.git.pinned('r-1')).toBe(shaOf(1));
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    expect(bench.git.pinned('r-1'), 'superseded').toBeUndefined();
    await bench.chat.command('/proxnix reject 2');
    await bench.settle();
    expect(bench.git.pinned('r-2'), 'rejected').toBeUndefined();
    await bench.push(3, { vms: threeVms({ memory_mb: 1024 }) });
    await bench.clock.advance(25 * 60 * 60 * 1000);
    await bench.settle();
    bench.run('expired');
    expect(bench.git.pinned('r-3'), 'expired').toBeUndefined();
  });
});
