import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import type { Fleet } from '../../src/pipeline/ports.ts';
import { withConfig } from '../fakes/cluster-guest.ts';
import { aBench, Bench, type BenchOptions, type Declared, owner } from '../support/pipeline.ts';
import { gate, until } from './support/clock.ts';
import { aCt, aForeignGuest, present, threeVms } from './support/fleet.ts';

const minuteMs = 60_000;

/** A bench whose fleet is deployed, seen running, and looked at every minute. */
async function deployed(options: BenchOptions = {}, declared: Declared = {}): Promise<Bench> {
  const bench = await aBench(options);
  await bench.push(1, declared);
  await bench.apply();
  bench.pipeline.keepUp({ powerIntervalMs: minuteMs });
  await look(bench);
  bench.cluster.asked.length = 0;
  return bench;
}

async function look(bench: Bench): Promise<void> {
  await bench.clock.advance(minuteMs);
  await bench.settle();
}

/** Somebody, or something, stops the guest; `change` is how it is found. */
function stop(bench: Bench, vmid = 822, change: object = {}): void {
  bench.cluster.put({ ...present(bench.cluster.guest(vmid)), status: 'stopped', ...change });
}

function said(bench: Bench): readonly string[] {
  return bench.chat.messages.map((message) => message.cards.at(-1)?.title ?? '').filter((title) => /^St/.test(title));
}

describe('a guest that stopped', () => {
  it('is started and said once, each time on a card of its own', async () => {
    const bench = await deployed();
    stop(bench);
    await look(bench);
    expect(bench.cluster.guest(822)?.status).toBe('running');
    expect(said(bench)).toEqual(['Started test-database (822): it was stopped']);
    expect(bench.audit()).toContain('guest-started proxnix acme: VM 822');
    await look(bench);
    expect(bench.cluster.asked).toEqual(['start']);
    stop(bench);
    await look(bench);
    expect(said(bench)).toHaveLength(2);
    expect(bench.errors()).toEqual([]);
  });

  it('is a CT in the audit where it is a container', async () => {
    const bench = await deployed({}, { vms: {}, containers: { proxy: aCt({ name: 'proxy', vm_id: 830 }) } });
    stop(bench, 830);
    await look(bench);
    expect(bench.audit()).toContain('guest-started proxnix acme: CT 830');
    expect(bench.errors()).toEqual([]);
  });

  it('costs one call a look as long as none does', async () => {
    const bench = await deployed();
    const reads = bench.cluster.reads;
    await look(bench);
    await look(bench);
    expect(bench.cluster.reads).toBe(reads);
  });

  it('is started also when it stops before the first look after its apply', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    bench.pipeline.keepUp({ powerIntervalMs: minuteMs });
    stop(bench);
    await bench.restart();
    bench.pipeline.keepUp({ powerIntervalMs: minuteMs });
    await look(bench);
    expect(bench.cluster.guest(822)?.status).toBe('running');
    await bench.push(2, { images: { website: 'website 2' } });
    await bench.apply();
    stop(bench, 823);
    await look(bench);
    expect(bench.cluster.guest(823)?.status).toBe('running');
    expect(said(bench)).toHaveLength(2);
  });

  it('is said to wait for its plan when an apply of it was not finished, once', async () => {
    const bench = await deployed();
    stop(bench, 822, { tags: ['proxnix', 'proxnix-pending'] });
    await look(bench);
    await look(bench);
    expect(bench.cluster.asked).toEqual([]);
    expect(said(bench)).toEqual(['Stopped: test-database (822) is not running']);
    expect(bench.text()).toContain('Plan again to finish it, or start it in Proxmox.');
  });

  it('is started by the plan that finishes it, however often it was looked at before', async () => {
    const bench = await deployed();
    stop(bench, 822, { tags: [...present(bench.cluster.guest(822)).tags, 'proxnix-pending'] });
    await look(bench);
    await look(bench);
    await bench.push(2);
    expect(bench.text()).toContain('is started: it ran before the interrupted apply');
    await bench.apply();
    expect(bench.cluster.guest(822)?.status).toBe('running');
    await look(bench);
    stop(bench, 822, { tags: [...present(bench.cluster.guest(822)).tags, 'proxnix-pending'] });
    await look(bench);
    await look(bench);
    expect(said(bench)).toHaveLength(2);
  });

  it('is said when an apply that was killed had started it', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'finish' ? held.opened : undefined);
    await bench.press('approve', owner);
    await until(() => bench.cluster.atWork === 1);
    await bench.restart();
    bench.cluster.before = () => undefined;
    await bench.settle();
    const [started] = bench
      .run('interrupted', 'r-1')
      .steps.flatMap(({ step, state }) => (step.kind === 'health' && state === 'done' ? [step.vmid] : []));
    stop(bench, present(started));
    bench.pipeline.keepUp({ powerIntervalMs: minuteMs });
    await look(bench);
    expect(said(bench)).toHaveLength(1);
    expect(bench.text()).toContain('proxnix-pending');
  });

  it('is left alone when it never ran, and when the look is off', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.store.saveFleet('acme', { running: [820, 823] });
    stop(bench);
    bench.pipeline.keepUp({});
    await look(bench);
    expect(bench.clock.waiting()).toBe(1);
    bench.pipeline.keepUp({ powerIntervalMs: minuteMs });
    await look(bench);
    await look(bench);
    expect(bench.cluster.guest(822)?.status).toBe('stopped');
    expect(said(bench)).toEqual([]);
  });

  it('is only reported where the fleet wants it so, and only once', async () => {
    const bench = await deployed({ fleets: [{ onStopped: 'report' }] });
    stop(bench);
    await look(bench);
    await look(bench);
    expect(said(bench)).toEqual(['Stopped: test-database (822) is not running']);
    expect(bench.text()).toContain('ON_STOPPED is "report"');
    expect(bench.cluster.asked).toEqual([]);
  });

  it('is only reported while applies are locked', async () => {
    const bench = await deployed();
    await bench.chat.command('/proxnix lock the UPS is being replaced', owner);
    stop(bench);
    await look(bench);
    expect(bench.text()).toContain('applying is locked by Owner: the UPS is being replaced');
    await bench.chat.command('/proxnix unlock', owner);
    await look(bench);
    expect(bench.cluster.asked).toEqual([]);
  });

  it('is only reported after three starts within an hour, until somebody starts it', async () => {
    const bench = await deployed();
    for (let times = 0; times < 4; times++) {
      stop(bench);
      await look(bench);
    }
    await look(bench);
    expect(bench.cluster.asked).toEqual(['start', 'start', 'start']);
    expect(said(bench).at(-1)).toBe('Stopped: test-database (822) is not running');
    expect(said(bench)).toHaveLength(4);
    bench.cluster.put({ ...present(bench.cluster.guest(822)), status: 'running' });
    await look(bench);
    stop(bench);
    await look(bench);
    expect(bench.cluster.asked).toHaveLength(3);
    await bench.clock.advance(60 * minuteMs);
    bench.cluster.put({ ...present(bench.cluster.guest(822)), status: 'running' });
    await look(bench);
    stop(bench);
    await look(bench);
    expect(bench.cluster.asked).toHaveLength(4);
  });

  it('is found also when it stopped while the bot was away', async () => {
    const bench = await deployed();
    stop(bench);
    await bench.restart();
    bench.pipeline.keepUp({ powerIntervalMs: minuteMs });
    await look(bench);
    expect(bench.cluster.guest(822)?.status).toBe('running');
  });

  it('is said not to have been started when that failed, and is not tried again and again', async () => {
    const bench = await deployed();
    stop(bench);
    const error = new UserError('The start of VM 822 failed: out of memory.', { next: 'Free some memory.' });
    bench.cluster.failNext({ at: 'start', when: 'before', error });
    await look(bench);
    await look(bench);
    expect(bench.text()).toContain('could not be started: The start of VM 822 failed: out of memory.');
    expect(bench.text()).toContain('Free some memory.');
    expect(bench.cluster.asked).toEqual(['start']);
  });

  it.each([
    ['locked', { lock: 'backup' }],
    ['managed by HA', { haState: 'stopped' }],
    ['a template now', { template: true }],
    ['not ours any more', { tags: ['prod'] }],
    ['of another fleet', { tags: ['fleet-lab', 'proxnix'] }],
  ])('is left alone when it is %s', async (_, change) => {
    const bench = await deployed();
    stop(bench, 822, change);
    await look(bench);
    await look(bench);
    expect(bench.cluster.asked).toEqual([]);
    expect(said(bench)).toEqual([]);
  });

  it('is started when its lock is gone', async () => {
    const bench = await deployed();
    stop(bench, 822, { lock: 'backup' });
    await look(bench);
    const { lock: _, ...unlocked } = present(bench.cluster.guest(822));
    bench.cluster.put(unlocked);
    await look(bench);
    expect(bench.cluster.asked).toEqual(['start']);
  });

  it('is left alone when the list was late and it runs', async () => {
    const bench = await deployed();
    const real = bench.cluster.list.bind(bench.cluster);
    const late = async () => (await real()).map((guest) => ({ ...guest, status: 'stopped' as const }));
    const state = bench.cluster.readState.bind(bench.cluster);
    bench.cluster.list = late;
    bench.cluster.readState = async (wanted) => {
      const live = await state(wanted);
      return { ...live, guests: live.guests.map((guest) => ({ ...guest, status: 'stopped' as const })) };
    };
    await look(bench);
    expect(said(bench)).toEqual([]);
    expect(bench.audit().filter((line) => line.startsWith('guest-started'))).toEqual([]);
  });

  it('is never a foreign guest that took the VMID between the list and the start', async () => {
    const bench = await deployed();
    stop(bench);
    const foreign = { ...aForeignGuest(822), status: 'stopped' as const };
    bench.cluster.beforeRead = async () => bench.cluster.put(foreign);
    await look(bench);
    bench.cluster.beforeRead = () => undefined;
    expect(bench.cluster.asked).toEqual([]);
    stop(bench, 823);
    bench.cluster.before = async () => bench.cluster.put({ ...foreign, vmid: 823 });
    await look(bench);
    expect(said(bench)).toEqual([]);
    expect([822, 823].map((vmid) => bench.cluster.guest(vmid)?.status)).toEqual(['stopped', 'stopped']);
  });
});

describe('a guest that is gone or changed when it is started', () => {
  it.each<[string, (bench: Bench) => void]>([
    ['deleted', (bench) => bench.cluster.remove(822)],
    ['changed', (bench) => bench.cluster.put(withConfig(present(bench.cluster.guest(822)), { cores: 8 }))],
  ])('asks nobody to approve a plan that is not there: %s', async (_, happens) => {
    const bench = await deployed();
    stop(bench);
    bench.cluster.before = async () => happens(bench);
    const messages = bench.chat.messages.length;
    await look(bench);
    expect(bench.chat.messages).toHaveLength(messages);
    bench.cluster.before = () => undefined;
    await look(bench);
    expect(bench.cluster.guest(822)?.status ?? 'gone').not.toBe('stopped');
  });
});

describe('a look at the power', () => {
  it('waits while a run is at work on the cluster, and holds up a run while a guest is started', async () => {
    const bench = await deployed();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    const held = gate();
    bench.cluster.before = (step) => (step.kind === 'configure' ? held.opened : undefined);
    await bench.press('approve', owner);
    await until(() => bench.cluster.atWork === 1);
    stop(bench);
    await bench.clock.advance(2 * minuteMs);
    expect(bench.cluster.asked).not.toContain('start');
    held.open();
    await bench.settle();
    bench.run('applied');
    const starting = gate();
    bench.cluster.before = (step) => (step.kind === 'start' ? starting.opened : undefined);
    await bench.clock.advance(minuteMs);
    await until(() => bench.cluster.atWork === 1);
    bench.commit(3, { vms: threeVms({ memory_mb: 1024 }) });
    bench.report();
    await bench.clock.advance(5000);
    bench.run('planning');
    starting.open();
    await bench.settle();
    bench.run('planned');
    expect(bench.cluster.mostAtWork).toBe(1);
    expect(said(bench)).toEqual(['Started test-database (822): it was stopped']);
  });

  it('believes the list only when the states from before an apply are gone from it', async () => {
    const bench = await deployed();
    await bench.push(2, { vms: threeVms({ memory_mb: 4096 }) });
    await bench.clock.advance(45_000);
    const real = bench.cluster.list.bind(bench.cluster);
    let lists = 0;
    bench.cluster.list = () => {
      lists++;
      return real();
    };
    await bench.apply();
    bench.run('applied');
    const before = lists;
    await bench.clock.advance(14_000);
    expect(lists).toBe(before);
    await look(bench);
    expect(lists).toBeGreaterThan(before);
  });

  it('that fails is made again at the next time', async () => {
    const bench = await deployed();
    stop(bench);
    bench.cluster.failNext({ at: 'read', when: 'before', error: new UserError('The cluster does not answer.') });
    await look(bench);
    expect(bench.logged.at(-1)).toMatchObject({ level: 'warn', message: 'a check on an interval failed' });
    await look(bench);
    expect(bench.cluster.asked).toEqual(['start']);
  });

  it('tells the guests of several fleets on one cluster apart', async () => {
    const two: readonly Partial<Fleet>[] = [
      { name: 'acme', tagged: true },
      { name: 'lab', tagged: true, onStopped: 'report', repository: 'acme/lab' },
    ];
    const bench = await deployed({ fleets: two });
    const guest = present(bench.cluster.guest(822));
    bench.cluster.put({ ...guest, vmid: 900, name: 'bench', tags: ['fleet-lab', 'proxnix'] });
    await look(bench);
    stop(bench);
    stop(bench, 900);
    await look(bench);
    expect(said(bench)).toEqual(['Started test-database (822): it was stopped', 'Stopped: bench (900) is not running']);
    expect(bench.cluster.asked).toEqual(['start']);
  });

  it('is not made any more when the bot ends', async () => {
    const bench = new Bench();
    await bench.start();
    bench.pipeline.keepUp({ powerIntervalMs: minuteMs });
    await bench.pipeline.stop();
    expect(bench.clock.waiting()).toBe(0);
  });
});
