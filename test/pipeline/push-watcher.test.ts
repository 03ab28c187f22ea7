import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { aBench } from '../support/pipeline.ts';
import { gate } from './support/clock.ts';
import { shaOf, threeVms } from './support/fleet.ts';

describe('many pushes', () => {
  it('at once make one plan, of the newest', async () => {
    const bench = await aBench();
    for (let n = 1; n <= 10; n++) {
      bench.commit(n, { vms: threeVms({ memory_mb: 1024 * n }) });
      bench.report();
    }
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(1);
    expect(bench.run('planned').commit.sha).toBe(shaOf(10));
    expect(bench.builder.calls.evaluateFleet).toBe(1);
    expect(bench.chat.messages).toHaveLength(1);
  });

  it('of one head make one run, however often the forge delivers it', async () => {
    const bench = await aBench();
    await bench.push(1);
    for (let times = 0; times < 5; times++) {
      bench.report();
      await bench.settle();
    }
    expect(bench.pipeline.runs()).toHaveLength(1);
    expect(bench.builder.calls.evaluateFleet).toBe(1);
  });

  it('of a head that was planned before a restart make no run either', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.restart();
    bench.report();
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(1);
  });
});

describe('a push that the forge delivers again', () => {
  const [repository, ref, after] = ['acme/fleet', 'refs/heads/main', shaOf(1)];
  const event = { repository, ref, after, isRepeated: true } as const;

  it.each([true, undefined])('plans a commit again that failed for a limit (repeated: %s)', async (isRepeated) => {
    const bench = await aBench();
    const evaluate = bench.builder.evaluateFleet.bind(bench.builder);
    bench.builder.evaluateFleet = () => Promise.reject(new UserError('It took too long.', { mayPass: true }));
    await bench.push(1);
    expect(bench.run('failed').failure.mayPass).toBe(true);
    bench.builder.evaluateFleet = evaluate;
    await bench.restart();
    const outcome = bench.pipeline.push(isRepeated === true ? event : { repository, ref, after });
    expect(outcome).toEqual({ kind: 'accepted' });
    await bench.settle();
    expect(bench.run('planned').id).toBe('r-2');
    expect(bench.pipeline.push(event).kind).toBe('ignored');
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(2);
  });

  it('does not plan a commit again that is wrong, nor does a poll one that failed for a limit', async () => {
    const bench = await aBench();
    await bench.push(1, { broken: true });
    bench.run('failed');
    expect(bench.pipeline.push(event).kind).toBe('ignored');
    bench.report();
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(1);
    bench.builder.evaluateFleet = () => Promise.reject(new UserError('It took too long.', { mayPass: true }));
    await bench.push(2);
    bench.pipeline.poll(1000);
    await bench.clock.advance(5000);
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(2);
  });
});

describe('a push that comes while the repository is down', () => {
  it('is looked at again a little later', async () => {
    const bench = await aBench();
    bench.commit(1);
    bench.git.unreachable = new UserError('The repository cannot be reached.');
    bench.report();
    await bench.settle();
    expect(bench.pipeline.runs()).toEqual([]);
    bench.git.unreachable = undefined;
    await bench.clock.advance(60_000);
    await bench.settle();
    bench.run('planned');
  });
});

describe('polling', () => {
  it('finds a new commit, and is silent when there is none', async () => {
    const bench = await aBench();
    bench.commit(1);
    bench.pipeline.poll(60_000);
    await bench.settle();
    expect(bench.run('planned').trigger).toEqual({ kind: 'poll' });
    await bench.clock.advance(10 * 60_000);
    await bench.settle();
    expect(bench.pipeline.runs()).toHaveLength(1);
    bench.commit(2, { vms: threeVms({ memory_mb: 4096 }) });
    await bench.clock.advance(60_000);
    await bench.settle();
    expect(bench.run('planned').commit.sha).toBe(shaOf(2));
  });

  it('goes on after a repository that could not be reached', async () => {
    const bench = await aBench();
    bench.git.unreachable = new UserError('The repository cannot be reached.');
    bench.commit(1);
    bench.pipeline.poll(60_000);
    await bench.settle();
    expect(bench.pipeline.runs()).toEqual([]);
    bench.git.unreachable = undefined;
    await bench.clock.advance(60_000);
    await bench.settle();
    bench.run('planned');
  });

  it('ends with the pipeline, also when a look is just going on', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    bench.pipeline.poll(60_000);
    await bench.settle();
    let looks = 0;
    const head = bench.git.head.bind(bench.git);
    bench.git.head = async () => {
      looks++;
      await held.opened;
      return head();
    };
    await bench.clock.advance(60_000);
    expect(looks).toBe(1);
    const stopped = bench.pipeline.stop();
    held.open();
    await stopped;
    await bench.clock.advance(10 * 60_000);
    expect(looks).toBe(1);
  });
});
