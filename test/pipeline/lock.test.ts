import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { aBench, type Bench, owner, second, stranger } from '../support/pipeline.ts';
import { gate, until } from './support/clock.ts';
import { commitOf, threeVms } from './support/fleet.ts';

/** A bench whose approved run is held at its look before the apply. */
async function heldBeforeTheApply(): Promise<{ readonly bench: Bench; readonly open: () => void }> {
  const bench = await aBench();
  await bench.push(1);
  let looks = 0;
  const held = gate();
  bench.cluster.beforeRead = () => (++looks === 2 ? held.opened : undefined);
  await bench.press('approve');
  await until(() => looks === 2);
  return { bench, open: held.open };
}

describe('a lock', () => {
  it('stands in the status of a fleet that has had no run', async () => {
    const bench = await aBench();
    await bench.chat.command('/proxnix lock moving house', second);
    expect(JSON.stringify(await bench.chat.command('/proxnix status'))).toContain('moving house');
  });

  it('stops applies and not plans, stands on every open card, and goes away', async () => {
    const bench = await aBench();
    await bench.push(1);
    const [approve] = bench.buttons();
    await bench.chat.command('/proxnix lock moving house', second);
    await bench.settle();
    expect(bench.text()).toContain('moving house');
    expect(bench.text()).toContain('cannot be approved: applying is locked');
    expect(bench.buttons()).not.toContainEqual(approve);
    if (approve !== undefined) expect(await bench.chat.press(approve, owner)).toMatchObject({ code: 'locked' });
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    expect(bench.run('planned').id).toBe('r-2');
    expect(bench.text()).toContain('moving house');
    await bench.chat.command('/proxnix unlock');
    await bench.settle();
    expect(bench.text()).not.toContain('moving house');
    await bench.apply();
    bench.run('applied');
    expect(bench.audit().filter((line) => line.includes('lock'))).toEqual([
      'locked console:second acme: moving house',
      'refused console:owner locked',
      'unlocked console:owner acme',
    ]);
  });

  it('is for approvers in their channel only', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.command('/proxnix lock no', stranger)).toMatchObject({ code: 'not-an-approver' });
    const elsewhere = { workspace: 'w-1', channel: 'c-9' };
    expect(await bench.chat.command('/proxnix lock no', owner, elsewhere)).toMatchObject({ code: 'wrong-channel' });
    expect(bench.store.fleet('acme').lock).toBeUndefined();
    await bench.chat.command('/proxnix lock yes');
    expect(await bench.chat.command('/proxnix unlock', stranger)).toMatchObject({ code: 'not-an-approver' });
    expect(bench.store.fleet('acme').lock?.reason).toBe('yes');
  });

  it('that is set while an approved run takes its last look holds that run back too', async () => {
    const { bench, open } = await heldBeforeTheApply();
    await bench.chat.command('/proxnix lock stop');
    open();
    await bench.settle();
    bench.run('queued');
    expect(bench.cluster.asked).toEqual([]);
    await bench.chat.command('/proxnix unlock');
    await bench.settle();
    bench.run('applied');
  });

  it('keeps an approved run from looking at the cluster: what fails there would end it', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    let planning = 0;
    bench.builder.evaluationWaits = () => {
      planning += 1;
      return held.opened;
    };
    bench.commit(2, { vms: threeVms({ memory_mb: 4096 }) });
    bench.git.push(commitOf(3), 'feature');
    bench.declare(3);
    await bench.chat.command('/proxnix plan feature');
    await until(() => planning === 1);
    await bench.press('approve');
    await bench.chat.command('/proxnix lock stop');
    bench.cluster.beforeRead = () => {
      throw new UserError('The cluster cannot be reached.');
    };
    held.open();
    await bench.settle();
    bench.run('queued', 'r-1');
    bench.cluster.beforeRead = () => undefined;
    await bench.chat.command('/proxnix unlock');
    await bench.settle();
    bench.run('applied', 'r-1');
  });

  it('lets an apply that has begun come to its end', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    bench.cluster.before = () => held.opened;
    await bench.press('approve');
    await until(() => bench.cluster.atWork === 1);
    await bench.chat.command('/proxnix lock stop');
    held.open();
    await bench.settle();
    bench.run('applied');
  });

  it('holds an approved run over a restart, until it is unlocked', async () => {
    const { bench } = await heldBeforeTheApply();
    await bench.chat.command('/proxnix lock stop');
    bench.cluster.beforeRead = () => undefined;
    await bench.restart();
    await bench.settle();
    bench.run('queued');
    expect(bench.cluster.asked).toEqual([]);
    await Promise.all([bench.chat.command('/proxnix unlock'), bench.chat.command('/proxnix unlock', second)]);
    await bench.settle();
    bench.run('applied');
    expect(bench.audit().filter((line) => line.startsWith('started'))).toHaveLength(1);
  });

  it('that is taken away at whatever moment leaves no approved run behind', async () => {
    for (let ticks = 0; ticks < 40; ticks++) {
      const { bench, open } = await heldBeforeTheApply();
      await bench.chat.command('/proxnix lock stop');
      open();
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      await bench.chat.command('/proxnix unlock');
      await bench.settle();
      expect(bench.pipeline.run('r-1')?.phase, `unlocked after ${ticks} ticks`).toBe('applied');
    }
  });

  it('does not keep an approved run from being cancelled', async () => {
    const { bench, open } = await heldBeforeTheApply();
    await bench.chat.command('/proxnix lock stop');
    open();
    await bench.settle();
    expect(await bench.chat.command('/proxnix cancel 1')).toEqual({ kind: 'none' });
    await bench.chat.command('/proxnix unlock');
    await bench.settle();
    expect(bench.run('rejected').reason).toBe('cancelled before it began');
  });
});
