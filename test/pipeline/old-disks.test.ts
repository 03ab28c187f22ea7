import { describe, expect, it } from 'vitest';
import { imageHash } from '../../src/core/guest.ts';
import { readTags, splitTags } from '../../src/core/tags.ts';
import { owner } from '../support/pipeline.ts';
import { present } from './support/fleet.ts';
import { fleetOf, startSimulated } from './support/on-simulator.ts';

const minute = 60_000;
const hour = 60 * minute;

describe.each(['vm', 'container'] as const)('the old root of a %s', (kind) => {
  const path = kind === 'vm' ? '/nodes/pve1/qemu' : '/nodes/pve1/lxc';
  const slot = kind === 'vm' ? 'scsi0' : 'rootfs';
  const first = fleetOf(kind, { website: {} });
  const second = { ...first, images: { website: 'website 2' } };

  async function deployed() {
    const story = await startSimulated();
    await story.deploy(1, first);
    const old = root(story);
    return { ...story, old };
  }

  async function replaced() {
    const story = await deployed();
    await story.deploy(2, second);
    return { ...story, current: root(story) };
  }

  const root = ({ config }: { config: (vmid?: number) => Readonly<Record<string, unknown>> }) =>
    String(config()[slot]).split(',')[0];
  const unused = ({ config }: { config: (vmid?: number) => Readonly<Record<string, unknown>> }, vmid = 823) =>
    Object.entries(config(vmid)).flatMap(([key, value]) => (key.startsWith('unused') ? [String(value)] : []));

  it('runs again when the new one never becomes healthy', async () => {
    const story = await deployed();
    const { bench, runs, old, orphans } = story;
    const { tags } = story.config();
    await bench.push(2, second);
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823 });
    expect(bench.text()).toMatch(/^Failed, rolled back/);
    expect([root(story), runs(), story.config()['tags']]).toEqual([old, true, tags]);
    expect(unused(story)).toHaveLength(1);
    expect(orphans()).toEqual([]);
  });

  it('is left again when the guest that went back to it never becomes healthy', async () => {
    const story = await replaced();
    const { bench, runs, old, current } = story;
    const { tags } = story.config();
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.text()).toMatch(/^Failed, rolled back/);
    expect([root(story), runs(), story.config()['tags']]).toEqual([current, true, tags]);
    expect(unused(story)).toEqual([old]);
  });

  it('is not there when a new guest never becomes healthy: it stays, marked as unfinished', async () => {
    const { bench, runs, config } = await startSimulated();
    await bench.push(1, first);
    bench.health.script(823, 'ill');
    await bench.apply();
    expect(bench.run('failed').failure.message).toMatch(/did not become healthy/);
    expect(runs()).toBe(true);
    expect(config()['tags']).toBe('proxnix;proxnix-pending');
    bench.health.script(823, 'well');
    await bench.press('plan-again');
    await bench.settle();
    await bench.apply();
    bench.run('applied');
    expect(readTags(splitTags(String(config()['tags']))).pending).toBe(false);
  });

  describe('that somebody deletes', () => {
    const remove = async ({ world, config }: Awaited<ReturnType<typeof replaced>>) => {
      const key = present(Object.keys(config()).find((one) => one.startsWith('unused')));
      await world.admin('PUT', `${path}/823/config`, { delete: key });
    };

    it('after the plan to go back to it voids the approval, and there is nothing to go back to', async () => {
      const story = await replaced();
      const { bench, proxy, current, runs } = story;
      await bench.chat.command('/proxnix rollback test-website', owner);
      await bench.settle();
      await remove(story);
      proxy.sent.length = 0;
      expect(await bench.press('approve')).toMatchObject({ code: 'plan-drifted' });
      await bench.settle();
      expect(bench.run('blocked').plan.changes[0]?.blocked?.reason).toBe('nothing-retained');
      expect([proxy.sent, root(story), runs()]).toEqual([[], current, true]);
    });

    it('between two steps ends the run before anything is written', async () => {
      const story = await replaced();
      const { bench, beforeNext, proxy, current, runs } = story;
      await bench.chat.command('/proxnix rollback test-website', owner);
      await bench.settle();
      proxy.sent.length = 0;
      beforeNext('swap', () => remove(story));
      await bench.apply();
      expect(bench.run('failed').failure.message).toMatch(
        /^(?:VM|CT) 823 was changed by somebody else since the plan\.$/,
      );
      expect([proxy.sent, root(story), runs()]).toEqual([[], current, true]);
      await bench.push(3, second);
      bench.run('in-sync');
    });

    it('before it is due is not missed', async () => {
      const story = await replaced();
      const { bench, proxy } = story;
      await remove(story);
      proxy.sent.length = 0;
      bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
      await bench.clock.advance(25 * hour);
      await bench.settle();
      expect(proxy.sent.filter((write) => write.includes('/823/'))).toEqual([]);
      expect(bench.store.fleet('acme').retainedDisks).toEqual([]);
      expect(bench.errors()).toEqual([]);
    });
  });

  it('goes when its time is over, and nothing else of the guest or of others does', async () => {
    const story = await replaced();
    const { bench, world, simulator, config, old, current } = story;
    // A disk of a person that is not in use, an older one than ours, and one in another guest.
    const add = kind === 'vm' ? { scsi1: 'fast:1' } : { mp0: 'fast:1,mp=/data' };
    await world.admin('PUT', `${path}/823/config`, add);
    await world.admin('POST', `${path}/823/status/stop`);
    await world.admin('PUT', `${path}/823/config`, { delete: Object.keys(add).join() });
    await world.admin('POST', `${path}/823/status/start`);
    await world.admin('POST', '/nodes/pve1/qemu', { vmid: 900, name: 'theirs', scsi0: 'fast:1' });
    await world.admin('PUT', '/nodes/pve1/qemu/900/config', { delete: 'scsi0' });
    const [theirs] = unused(story).filter((volid) => volid !== old);
    expect(theirs).toBeDefined();
    bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
    await bench.clock.advance(25 * hour);
    await bench.settle();
    expect(unused(story)).toEqual([theirs]);
    expect(unused(story, 900)).toHaveLength(1);
    expect(String(config()[slot])).toContain(String(current));
    expect(simulator.volumes().map(({ volid }) => volid)).toContain(theirs);
    expect(simulator.volumes().map(({ volid }) => volid)).not.toContain(old);
  });
});

describe('a root disk outside the boot order', () => {
  const first = fleetOf('vm', { website: {} });
  const second = { ...first, images: { website: 'website 2' } };

  async function outside(boot: string) {
    const story = await startSimulated();
    await story.deploy(1, first);
    await story.simulator.outside({ do: 'edit', vmid: 823, set: { boot } });
    /** Whether the VM ran at each write of its root slot. */
    const pulled: unknown[] = [];
    const look = () => void pulled.push(present(story.simulator.guest(823)).rootless);
    return { ...story, pulled, look };
  }

  it.each(['order=net0', ' '])('is swapped while the VM is stopped, and the plan says so: boot "%s"', async (boot) => {
    const story = await outside(boot);
    const { bench, config, runs, simulator, pulled, look, beforeNext } = story;
    const old = String(config()['scsi0']).split(',')[0];
    await bench.push(2, second);
    expect(bench.text()).toContain('scsi0 is not in its boot order');
    expect(bench.text()).toContain('it is stopped for the swap');
    beforeNext('restart', look);
    await bench.apply();
    bench.run('applied');
    expect([pulled, runs()]).toEqual([[undefined], true]);
    expect(config()['boot']).toBe(boot === ' ' ? 'order=scsi0' : 'order=scsi0;net0');
    expect(config()['unused0']).toBe(old);
    expect(simulator.tasks().filter(({ type }) => type === 'qmshutdown')).toHaveLength(1);
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    await bench.apply();
    bench.run('applied');
    expect([String(config()['scsi0']).split(',')[0], runs()]).toEqual([old, true]);
    expect(present(simulator.guest(823)).rootless).toBeUndefined();
  });

  it('is put back while the VM is stopped when the new one never becomes healthy', async () => {
    const story = await outside('order=net0');
    const { bench, config, runs, simulator } = story;
    const old = String(config()['scsi0']).split(',')[0];
    await bench.push(2, second);
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823 });
    expect([String(config()['scsi0']).split(',')[0], runs()]).toEqual([old, true]);
    // It was written with the settings before the swap, and does no harm: the root is first.
    expect(config()['boot']).toBe('order=scsi0;net0');
    expect(present(simulator.guest(823)).rootless).toBeUndefined();
  });

  it('stays, and the VM runs again, when the write of the swap is refused', async () => {
    const { bench, config, runs, proxy, beforeNext } = await outside('order=net0');
    const old = String(config()['scsi0']).split(',')[0];
    await bench.push(2, second);
    const as = { status: 403, reason: 'Permission check failed' };
    beforeNext('swap', () => proxy.lose({ method: 'PUT', path: /823\/config/, what: 'request', as }));
    await bench.apply();
    expect(bench.run('failed').failure.message).toContain('Permission check failed');
    expect([String(config()['scsi0']).split(',')[0], runs()]).toEqual([old, true]);
  });

  it('stays, and the card says that the VM is down, when it does not start again either', async () => {
    const { bench, runs, proxy, beforeNext } = await outside('order=net0');
    await bench.push(2, second);
    const as = { status: 403, reason: 'Permission check failed' };
    beforeNext('swap', () => {
      proxy.lose({ method: 'PUT', path: /823\/config/, what: 'request', as });
      proxy.lose({ method: 'POST', path: /823\/status\/start/, what: 'request', as });
    });
    await bench.apply();
    expect(runs()).toBe(false);
    expect(bench.run('failed').failure.next).toContain(
      'VM 823 was stopped for the swap and could not be started again',
    );
  });

  it('is not swapped while the VM is paused: it is not stopped by force', async () => {
    const story = await outside('order=net0');
    const { bench, config, runs, simulator, beforeNext } = story;
    const old = String(config()['scsi0']).split(',')[0];
    await bench.push(2, second);
    beforeNext('swap', () => simulator.outside({ do: 'pause', vmid: 823 }));
    await bench.apply();
    expect(bench.run('failed').failure.message).toBe('VM 823 is paused, so it is not restarted.');
    expect([String(config()['scsi0']).split(',')[0], runs()]).toEqual([old, true]);
  });
});

describe('the old root of a VM', () => {
  const first = fleetOf('vm', { website: {} });

  it('that a snapshot needs stays until the snapshot is gone, and that is all that happens', async () => {
    const story = await startSimulated();
    const { bench, world, config, simulator, proxy, runs } = story;
    await story.deploy(1, first);
    await world.admin('POST', '/nodes/pve1/qemu/823/snapshot', { snapname: 'before' });
    await story.deploy(2, { ...first, images: { website: 'website 2' } });
    const before = { ...config() };
    const old = present(before['unused0']);
    bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
    await bench.clock.advance(25 * hour);
    await bench.settle();
    expect(config()).toEqual(before);
    expect(runs()).toBe(true);
    expect(bench.store.fleet('acme').retainedDisks).toMatchObject([{ volid: old }]);
    const freed = bench.chat.messages
      .map((message) => bench.text(message))
      .filter((text) => text.startsWith('Deleted'));
    expect(freed.join()).not.toContain('old root disk');
    const refused = bench.logged.filter(({ message }) => message === 'an old root disk could not be deleted');
    expect(JSON.stringify(refused)).toContain('volume is still in use (snapshot?)');
    const writes = new Set(proxy.sent.filter((write) => write.includes('/823/')).slice(-refused.length));
    expect([...writes]).toEqual(['PUT /nodes/pve1/qemu/823/config']);

    await world.admin('DELETE', '/nodes/pve1/qemu/823/snapshot/before');
    await bench.clock.advance(10 * minute);
    await bench.settle();
    expect(config()['unused0']).toBeUndefined();
    expect(simulator.volumes().map(({ volid }) => volid)).not.toContain(old);
    expect(bench.store.fleet('acme').retainedDisks).toEqual([]);
  });

  it('goes with its VM alone when that was cloned: the clone is another machine', async () => {
    const story = await startSimulated();
    const { bench, world, config, simulator } = story;
    await story.deploy(1, first);
    await story.deploy(2, { ...first, images: { website: 'website 2' } });
    await world.admin('POST', '/nodes/pve1/qemu/823/clone', { newid: 850, name: 'copy', full: 1 });
    await world.admin('PUT', '/nodes/pve1/qemu/850/config', { scsi1: 'fast:1' });
    await world.admin('PUT', '/nodes/pve1/qemu/850/config', { delete: 'scsi1' });
    const copy = { ...config(850) };
    const disks = () => simulator.volumes().flatMap(({ vmid, volid }) => (vmid === 850 ? [volid] : []));
    const theirs = disks();
    expect(theirs).toHaveLength(2);
    expect(imageHash(present(bench.run('applied').plan.goal.guests[0]).image)).toBe(
      readTags(splitTags(String(copy['tags']))).imageHash,
    );
    bench.pipeline.keepUp({ collectIntervalMs: 10 * minute });
    await bench.clock.advance(25 * hour);
    await bench.settle();
    expect(config()['unused0']).toBeUndefined();
    expect(config(850)).toEqual(copy);
    expect(disks()).toEqual(theirs);
  });
});
