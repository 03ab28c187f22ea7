import { describe, expect, it } from 'vitest';
import { ClusterQueues } from '../../src/pipeline/queues.ts';
import { aBench, type Bench } from '../support/pipeline.ts';
import { textOf } from './support/card-text.ts';
import { gate, turn, until } from './support/clock.ts';
import { aVm, shaOf } from './support/fleet.ts';

const waiting = (runId: string) => ({ runId, fleet: 'acme' });

describe('the queue of a cluster', () => {
  it('runs one job at a time, in the order in which they came, also after one that throws', async () => {
    const queues = new ClusterQueues();
    const said: string[] = [];
    const job = (name: string) => async () => {
      said.push(`${name} begins`);
      await turn();
      said.push(`${name} ends`);
      if (name === 'b') throw new Error('b is broken');
    };
    const all = ['a', 'b', 'c'].map((name) => queues.enter('home', waiting(name), job(name)));
    expect(queues.queue('home')).toEqual(['a', 'b', 'c'].map(waiting));
    const ends = await Promise.allSettled(all);
    expect(said).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(queues.queue('home')).toEqual([]);
  });

  it('does not wait for another one', async () => {
    const queues = new ClusterQueues();
    const said: string[] = [];
    void queues.enter('home', waiting('a'), () => new Promise(() => undefined));
    await queues.enter('work', waiting('b'), async () => void said.push('b'));
    expect(said).toEqual(['b']);
  });

  it('is held by a job that runs only when it is free, and that stands in no queue', async () => {
    const queues = new ClusterQueues();
    const held = gate();
    const said: string[] = [];
    const holding = queues.ifFree('home', async () => {
      await held.opened;
      said.push('held');
      return 1;
    });
    expect(queues.queue('home')).toEqual([]);
    const entered = queues.enter('home', waiting('a'), async () => void said.push('a'));
    expect(await queues.ifFree('home', async () => said.push('never'))).toBeUndefined();
    held.open();
    expect(await holding).toBe(1);
    await entered;
    expect(said).toEqual(['held', 'a']);
    await expect(queues.ifFree('home', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await queues.ifFree('home', async () => 2)).toBe(2);
    queues.close();
    expect(await queues.ifFree('home', async () => 3)).toBeUndefined();
  });

  it('is idle only when the jobs that a job added are over as well', async () => {
    const queues = new ClusterQueues();
    const said: string[] = [];
    void queues.enter('home', waiting('a'), async () => {
      void queues.enter('home', waiting('b'), async () => {
        await turn();
        said.push('b');
      });
    });
    await queues.idle();
    expect(said).toEqual(['b']);
  });
});

/** Two fleets on one cluster, each with one VM, both planned. */
async function twoFleets(clusterName = 'home'): Promise<Bench> {
  const bench = await aBench({
    fleets: [
      { name: 'blue', repository: 'acme/fleet', tagged: true },
      { name: 'red', repository: 'acme/red', tagged: true, clusterName },
    ],
  });
  bench.commit(1, { vms: { website: aVm() } });
  for (const repository of ['acme/fleet', 'acme/red']) {
    bench.pipeline.push({ repository, ref: 'refs/heads/main', after: shaOf(1) });
    // The fake repository and its one head serve both: red wants another VM of it.
    await bench.settle();
    bench.commit(2, { vms: { database: aVm({ name: 'test-database', vm_id: 822, image_type: 'database' }) } });
  }
  return bench;
}

describe('two fleets', () => {
  it('on one cluster never work at the same time; the one that waits says for whom', async () => {
    const bench = await twoFleets();
    const [blue, red] = bench.pipeline.runs();
    expect([blue?.fleet, red?.fleet]).toEqual(['blue', 'red']);
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'import' && step.vmid === 823 ? held.opened : undefined);
    await bench.chat.command('/proxnix approve 1');
    await until(() => bench.cluster.atWork === 1);
    await bench.chat.command('/proxnix approve 2');
    await bench.show();
    bench.run('queued', 'r-2');
    expect(bench.text(bench.message('r-2'))).toMatch(/^Approved: waits for run of another fleet/);
    held.open();
    await bench.settle();
    bench.run('applied', 'r-1');
    bench.run('applied', 'r-2');
    expect(bench.cluster.mostAtWork).toBe(1);
  });

  it('on one cluster do not touch what belongs to the other', async () => {
    const bench = await twoFleets();
    await bench.chat.command('/proxnix approve 1');
    await bench.settle();
    await bench.chat.command('/proxnix approve 2');
    await bench.settle();
    expect(bench.cluster.guest(823)?.tags).toContain('fleet-blue');
    expect(bench.cluster.guest(822)?.tags).toContain('fleet-red');
  });

  it('on one cluster: the one that waits can be cancelled before it begins', async () => {
    const bench = await twoFleets();
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'import' && step.vmid === 823 ? held.opened : undefined);
    await bench.chat.command('/proxnix approve 1');
    await until(() => bench.cluster.atWork === 1);
    await bench.chat.command('/proxnix approve 2');
    expect(await bench.chat.command('/proxnix cancel 2')).toEqual({ kind: 'none' });
    held.open();
    await bench.settle();
    bench.run('applied', 'r-1');
    expect(bench.run('rejected', 'r-2').reason).toBe('cancelled before it began');
    expect(bench.cluster.guest(822)).toBeUndefined();
    expect(bench.errors()).toEqual([]);
  });

  it('are shown with their guests, their open plan and their queue', async () => {
    const bench = await twoFleets();
    await bench.chat.command('/proxnix approve 1');
    await bench.settle();
    const answer = await bench.chat.command('/proxnix status');
    const text = answer.kind === 'card' ? textOf(answer.card) : '';
    expect(text).toContain('blue');
    expect(text).toContain('test-website');
    expect(text).toContain('r-2');
    const one = await bench.chat.command('/proxnix status test-website');
    expect(one.kind === 'card' ? textOf(one.card) : '').toContain('823');
  });

  it('on two clusters do not wait for each other', async () => {
    const bench = await twoFleets('work');
    bench.cluster.before = (step) => (step.vmid === 823 ? new Promise(() => undefined) : undefined);
    await bench.chat.command('/proxnix approve 1');
    await until(() => bench.cluster.atWork === 1);
    await bench.chat.command('/proxnix approve 2');
    await until(() => bench.pipeline.run('r-2')?.phase === 'applied');
    bench.run('applying', 'r-1');
  });
});

describe('a plan behind an apply', () => {
  it('says on its card from the beginning for whom it waits', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    bench.cluster.before = () => held.opened;
    await bench.press('approve');
    await until(() => bench.cluster.atWork === 1);
    bench.commit(2, { vms: { website: aVm() } });
    bench.report();
    await bench.clock.advance(500);
    await bench.show();
    expect(bench.text(bench.message('r-2'))).toMatch(/^Planning: waiting for run r-1/);
    held.open();
    await bench.settle();
    expect(bench.text(bench.message('r-2'))).toMatch(/^Plan: destroy 2/);
  });
});

describe('stop', () => {
  it('finishes what is being applied and begins nothing new; the next start goes on', async () => {
    const bench = await twoFleets();
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'import' && step.vmid === 823 ? held.opened : undefined);
    await bench.chat.command('/proxnix approve 1');
    await until(() => bench.cluster.atWork === 1);
    await bench.chat.command('/proxnix approve 2');
    const stopped = bench.pipeline.stop();
    held.open();
    await stopped;
    bench.run('applied', 'r-1');
    expect(bench.text(bench.message('r-1'))).toMatch(/^Applied/);
    bench.run('queued', 'r-2');
    await bench.restart();
    await bench.settle();
    bench.run('applied', 'r-2');
  });

  it('takes no push any more', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.pipeline.stop();
    await bench.push(2, { vms: { website: aVm() } });
    expect(bench.pipeline.runs()).toHaveLength(1);
    expect(bench.clock.waiting(), 'timers left').toBe(0);
  });
});
