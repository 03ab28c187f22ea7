import { describe, expect, it } from 'vitest';
import { aBench, type Bench, owner, stranger } from '../support/pipeline.ts';
import { gate, turn, until } from './support/clock.ts';
import { present, threeVms } from './support/fleet.ts';

const { website, database, init } = threeVms();

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
    expect(bench.text()).toMatch(/Now: test-database \(822\) runs image [0-9a-z]{8}\./);
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
    await until(() => bench.cluster.asked.includes('attach') && bench.cluster.atWork === 1);
    await bench.chat.command('/proxnix cancel 2');
    await turn();
    held.open();
    await bench.settle();
    bench.run('cancelled');
    expect(bench.cluster.guest(820)?.tags).not.toContain('proxnix-pending');
    expect(bench.cluster.asked.filter((kind) => kind === 'swap')).toHaveLength(1);
  });
});

/** A fleet and a plan for it; the VMID of the guest that is held at each of its steps, and of the one after it. */
const plans: Readonly<
  Record<
    string,
    { readonly before: object; readonly after: object; readonly images?: Record<string, string>; readonly at: number }
  >
> = {
  create: { before: {}, after: { init, database }, at: 820 },
  update: {
    before: { init, database },
    after: { init: { ...init, memory_mb: 4096 }, database: { ...database, memory_mb: 4096 } },
    at: 820,
  },
  replace: {
    before: { init, database },
    after: { init, database },
    images: { init: 'init 2', database: 'database 2' },
    at: 820,
  },
  // The destroys come last, the greater VMID after the smaller one.
  destroy: { before: { init, database, website }, after: { website }, at: 820 },
};

async function planned(name: string): Promise<Bench> {
  const bench = await aBench();
  const { before, after, images = {} } = present(plans[name]);
  if (Object.keys(before).length > 0) {
    await bench.push(1, { vms: before });
    await bench.apply();
  }
  await bench.push(2, { vms: after, images });
  return bench;
}

describe('Cancel at each step of the first of two guests', () => {
  it.each(Object.keys(plans))('lets it come to its end and leaves the other as it was: %s', async (name) => {
    const { at } = present(plans[name]);
    const undisturbed = await planned(name);
    await undisturbed.apply();
    const { steps } = undisturbed.run('applied');
    const kinds = steps.flatMap(({ step }) => ('vmid' in step && step.vmid === at ? [step.kind] : []));
    expect(kinds.length).toBeGreaterThan(1);
    for (const kind of kinds) {
      const bench = await planned(name);
      const other = bench.cluster.guest(822);
      const cancel = async () => {
        const run = bench.pipeline.runs().length;
        expect(await bench.chat.command(`/proxnix cancel ${run}`, owner)).toMatchObject({ kind: 'none' });
      };
      bench.cluster.before = (step) => (step.kind === kind && step.vmid === at ? cancel() : undefined);
      const watch = bench.health.check.bind(bench.health);
      bench.health.check = async (...args) => {
        if (kind === 'health' && args[0].vmid === at) await cancel();
        return watch(...args);
      };
      await bench.apply();
      const run = bench.run('cancelled');
      const states = (vmid: number) =>
        new Set(run.steps.flatMap(({ step, state }) => ('vmid' in step && step.vmid === vmid ? [state] : [])));
      expect([...states(at)], kind).toEqual(['done']);
      expect([...states(822)], kind).toEqual(['not-started']);
      expect(bench.cluster.guest(822), kind).toEqual(other);
      expect(bench.cluster.guest(at)?.tags ?? [], kind).not.toContain('proxnix-pending');
      expect(bench.text(), kind).toMatch(/^Cancelled: 1 guest of 2 done/);
      await bench.press('plan-again');
      await bench.settle();
      expect(new Set(bench.run('planned').plan.changes.map(({ vmid }) => vmid)), kind).toEqual(new Set([822]));
      await bench.apply();
      bench.run('applied');
    }
  });

  it('of a rollback of one guest comes too late: it is done', async () => {
    for (const kind of ['swap', 'restart', 'start', 'finish']) {
      const bench = await planned('replace');
      await bench.apply();
      const old = Object.values(present(bench.cluster.guest(820)).config.unused);
      await bench.chat.command('/proxnix rollback test-init', owner);
      await bench.settle();
      const cancel = async () => {
        expect(await bench.chat.command('/proxnix cancel 3', owner)).toMatchObject({ kind: 'none' });
      };
      bench.cluster.before = (step) => (step.kind === kind ? cancel() : undefined);
      await bench.apply();
      bench.run('applied');
      expect(bench.cluster.guest(820)?.config.disks['scsi0']?.volid, kind).toBe(old[0]);
    }
  });

  it('between the builds and the first guest changes nothing', async () => {
    const bench = await planned('replace');
    const before = [820, 822].map((vmid) => bench.cluster.guest(vmid));
    const upload = bench.cluster.upload.bind(bench.cluster);
    bench.cluster.upload = async (...args) => {
      await bench.chat.command('/proxnix cancel 2', owner);
      return upload(...args);
    };
    await bench.apply();
    bench.run('cancelled');
    expect(bench.cluster.asked.filter((kind) => kind === 'prepare')).toEqual([]);
    expect([820, 822].map((vmid) => bench.cluster.guest(vmid))).toEqual(before);
  });
});
