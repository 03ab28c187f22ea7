import { describe, expect, it } from 'vitest';
import { aBench, type Bench, owner, stranger } from '../support/pipeline.ts';
import { gate, turn, until } from './support/clock.ts';
import { threeVms } from './support/fleet.ts';

/** A bench whose approved apply is held before a step of a VM. */
async function heldAt(kind: string, vmid: number): Promise<{ bench: Bench; open: () => void }> {
  const bench = await aBench();
  await bench.push(1);
  const held = gate();
  bench.cluster.before = (step) => (step.kind === kind && step.vmid === vmid ? held.opened : undefined);
  await bench.press('approve');
  await until(() => bench.cluster.atWork === 1 && bench.cluster.guest(vmid) !== undefined);
  await bench.show();
  return { bench, open: held.open };
}

describe('Cancel', () => {
  it('between two guests finishes the one at work and starts no other', async () => {
    const { bench, open } = await heldAt('import', 822);
    expect(await bench.press('cancel')).toEqual({ kind: 'none' });
    await bench.show();
    expect(bench.text()).toContain('asked to stop');
    expect(bench.buttons()).toEqual([]);
    open();
    await bench.settle();
    const run = bench.run('cancelled');
    expect(run.cancelledBy.id).toBe('owner');
    expect([820, 822, 823].map((vmid) => bench.cluster.guest(vmid)?.tags.includes('proxnix-pending'))).toEqual([
      false,
      false,
      undefined,
    ]);
    expect(run.steps.filter(({ state }) => state === 'not-started').map(({ step }) => step.id)).toEqual([
      '823 create',
      '823 import',
      '823 resize',
      '823 start',
      '823 health',
      '823 finish',
    ]);
    expect(bench.text()).toMatch(/^Cancelled: 2 guests of 3 done/);
    expect(bench.text()).toMatch(/not started.*test-website|test-website.*not started/is);
    expect(bench.audit().slice(-2)).toEqual(['cancelled console:owner', 'ended proxnix cancelled']);
  });

  it('in the last guest comes too late: the run is applied', async () => {
    const { bench, open } = await heldAt('import', 823);
    await bench.press('cancel');
    open();
    await bench.settle();
    bench.run('applied');
  });

  it('pressed twice is refused the second time', async () => {
    const { bench, open } = await heldAt('import', 820);
    await bench.chat.command('/proxnix cancel 1');
    expect(await bench.chat.command('/proxnix cancel 1')).toMatchObject({ code: 'already-decided' });
    open();
    await bench.settle();
    bench.run('cancelled');
  });

  it('is for approvers only', async () => {
    const { bench, open } = await heldAt('import', 820);
    expect(await bench.press('cancel', stranger)).toMatchObject({ code: 'not-an-approver' });
    open();
    await bench.settle();
    bench.run('applied');
  });

  it('ends a build at once; nothing was changed', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.builder.holdBuild('init 1', new Promise(() => undefined));
    await bench.press('approve');
    await until(() => bench.builder.calls.build === 1);
    await bench.show();
    await bench.press('cancel', owner);
    await bench.settle();
    const run = bench.run('cancelled');
    expect(run.steps.map(({ state }) => state)).not.toContain('running');
    expect(bench.cluster.asked).toEqual([]);
    expect(bench.text()).toMatch(/^Cancelled/);
  });

  it('takes a run out of the lane that waits there', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    let looks = 0;
    bench.cluster.beforeRead = () => (++looks === 2 ? held.opened : undefined);
    await bench.press('approve');
    await until(() => looks === 2);
    expect(await bench.chat.command('/proxnix cancel 1')).toEqual({ kind: 'none' });
    held.open();
    await bench.settle();
    expect(bench.run('rejected').reason).toBe('cancelled before it began');
    expect(bench.cluster.asked).toEqual([]);
    expect(bench.errors()).toEqual([]);
  });

  it('of a run that is planned or over is refused', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.command('/proxnix cancel 1')).toMatchObject({ code: 'already-decided' });
    await bench.apply();
    expect(await bench.chat.command('/proxnix cancel 1')).toMatchObject({ code: 'already-decided' });
  });

  it('leaves what the next plan finishes', async () => {
    const { bench, open } = await heldAt('import', 820);
    await bench.press('cancel');
    open();
    await bench.settle();
    await bench.press('plan-again');
    await bench.settle();
    expect(bench.text()).toMatch(/^Plan: create 2/);
    await bench.apply();
    bench.run('applied');
  });

  it('of a replace lets the guest at work come to its final tags', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, { vms: threeVms(), images: { website: 'website 2', init: 'init 2' } });
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'swap' && step.vmid === 820 ? held.opened : undefined);
    await bench.press('approve');
    await until(() => bench.cluster.asked.includes('hand-over') && bench.cluster.atWork === 1);
    await bench.chat.command('/proxnix cancel 2');
    await turn();
    held.open();
    await bench.settle();
    bench.run('cancelled');
    expect(bench.cluster.guest(820)?.tags).not.toContain('proxnix-pending');
    expect(bench.cluster.asked.filter((kind) => kind === 'swap')).toHaveLength(1);
  });
});
