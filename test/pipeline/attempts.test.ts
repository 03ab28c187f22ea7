import { describe, expect, it } from 'vitest';
import { aBench, type Bench } from '../support/pipeline.ts';
import { until } from './support/clock.ts';

/** A bench whose bot dies each time it evaluates. */
async function dying(): Promise<Bench> {
  const bench = await aBench();
  bench.builder.evaluationWaits = () => {
    bench.kill();
    return new Promise(() => undefined);
  };
  bench.commit(1);
  bench.report();
  await bench.clock.advance(500);
  await until(() => bench.life.over);
  return bench;
}

async function dieAgain(bench: Bench): Promise<void> {
  await bench.restart();
  await until(() => bench.life.over);
}

describe('a commit whose planning ends the bot', () => {
  it('is counted on disk before the work on it begins', async () => {
    const bench = await dying();
    expect(bench.store.onDisk('r-1')?.run).toMatchObject({ phase: 'planning', attempts: 1 });
    await dieAgain(bench);
    expect(bench.store.onDisk('r-1')?.run).toMatchObject({ phase: 'planning', attempts: 2 });
  });

  it('is not taken up a third time: the run ends, and says why and what to do', async () => {
    const bench = await dying();
    await dieAgain(bench);
    await bench.restart();
    await until(() => bench.life.over || bench.pipeline.run('r-1')?.phase === 'failed');
    expect(bench.life.over).toBe(false);
    await bench.settle();
    const { failure } = bench.run('failed');
    expect(failure.message).toBe('The bot stopped 2 times while it planned this commit, so it is not tried again.');
    expect(failure.next).toMatch(/press Plan again, or push a commit that needs less/);
    expect(bench.text()).toContain('The bot stopped 2 times');
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('is planned after all when the bot ends no more', async () => {
    const bench = await dying();
    bench.builder.evaluationWaits = () => undefined;
    await bench.restart();
    await bench.settle();
    expect(bench.run('planned').id).toBe('r-1');
    expect(bench.run('planned')).not.toHaveProperty('attempts');
  });

  it('can be planned again by a press, and another commit is counted anew', async () => {
    const bench = await dying();
    await dieAgain(bench);
    await bench.restart();
    await bench.settle();
    bench.run('failed');
    bench.builder.evaluationWaits = () => undefined;
    await bench.press('plan-again');
    await bench.settle();
    expect(bench.run('planned').id).toBe('r-2');
    await bench.push(2, { vms: {} });
    expect(bench.run('in-sync')).not.toHaveProperty('attempts');
  });
});
