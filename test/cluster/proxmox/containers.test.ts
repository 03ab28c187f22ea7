import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { TaskError } from '../../../src/cluster/proxmox/errors.ts';
import { Story } from '../../contracts/cluster.ts';
import { anImage } from '../../support/builders.ts';
import { aContainer } from './a-guest.ts';
import { openSimulated, quick, type SimulatedWorld, seed, seed8 } from './on-simulator.ts';

const pending = 'proxnix;proxnix-pending';
const next = aContainer({ image: anImage('b', 'container'), diskGb: 3 });
const template = `local:vztmpl/proxnix-${'a'.repeat(32)}.tar.xz`;
const versions = [
  ['9.2', seed],
  ['8.4', seed8],
] as const;

async function start(from = seed()) {
  const world = await openSimulated(from);
  onTestFinished(() => world.close());
  return { world, story: new Story(world, 'container'), simulator: world.simulator };
}

const config = (world: SimulatedWorld, vmid = 823) => world.simulator.guest(vmid)?.config ?? {};
const impatient = (world: SimulatedWorld) =>
  new Story({ ...world, cluster: world.connect({ timeouts: { ...quick, busyMs: 0 } }) }, 'container');

describe.each(versions)('the creation of a container on PVE %s that is cut off', (_, from) => {
  const incomplete = { vmid: 823, hostname: 'half', ostemplate: template, rootfs: 'fast:2', unprivileged: 1 };
  const marked = { ...incomplete, net0: 'name=eth0,bridge=vmbr0', description: 'proxnix makes guest 823' };

  it('before its tags is gone on with, or discarded', async () => {
    const { world, story, simulator } = await start(from());
    await story.upload('a');
    await world.admin('POST', '/nodes/pve1/lxc', marked);
    world.requests.length = 0;
    await story.run('create', { tags: pending });
    expect(world.requests.filter((request) => /^(?:POST|DELETE) /.test(request))).toEqual([]);
    expect(config(world)).toMatchObject({ tags: pending, description: 'the website\n' });
    await story.run('destroy');
    await world.admin('POST', '/nodes/pve1/lxc', marked);
    await story.look();
    expect(await story.run('discard', { staging: false })).toBeUndefined();
    expect(simulator.guests()).toEqual([]);
    expect(simulator.volumes().filter(({ volid }) => volid.includes('vm-823'))).toEqual([]);
  });

  it('is left to whoever started it, or gave it more than a root', async () => {
    const { world, story } = await start(from());
    await story.upload('a');
    await world.admin('POST', '/nodes/pve1/lxc', marked);
    await world.admin('POST', '/nodes/pve1/lxc/823/status/start');
    await story.look();
    const { precondition } = story;
    await expect(story.run('create', { tags: pending })).rejects.toThrow('VMID 823 is taken');
    story.precondition = precondition;
    await expect(story.run('discard', { staging: false })).rejects.toThrow('does not carry the tag "proxnix"');
    await world.admin('POST', '/nodes/pve1/lxc/823/status/stop');
    await world.admin('PUT', '/nodes/pve1/lxc/823/config', { mp0: 'fast:1,mp=/data' });
    await expect(story.run('create', { tags: pending })).rejects.toThrow('VMID 823 is taken');
    await story.look();
    await expect(story.run('discard', { staging: false })).rejects.toThrow('does not carry the tag "proxnix"');
    expect(config(world)['mp0']).toContain('fast:823/');
  });

  it('by a worker that dies is told with what root can do: no token gets rid of it', async () => {
    const { world, story, simulator } = await start(from());
    await story.upload('a');
    const making = story.run('create', { tags: pending }).catch((error: unknown) => error);
    await vi.waitFor(() => expect(simulator.guest(823)).toBeDefined(), { interval: 1 });
    await simulator.outside({ do: 'kill-worker', vmid: 823 });
    expect(await making).toMatchObject({ text: 'unexpected status' });
    expect(await story.read([823])).toMatchObject({ lock: 'create', tags: [], config: { disks: {}, cores: 0 } });
    await expect(story.run('create', { tags: pending })).rejects.toMatchObject({
      message: 'VMID 823 is taken: /nodes/pve1/lxc/823 or another node has it.',
      next: expect.stringContaining('root can `pct unlock 823 && pct destroy 823`'),
    });
    const other = impatient(world);
    await other.look();
    await expect(other.run('discard', { staging: false })).rejects.toMatchObject({
      message: 'CT 823 is locked (create).',
      next: expect.stringContaining('`pct unlock 823 && pct destroy 823`'),
    });
  });
});

describe('a container', () => {
  it.each([
    ['full', 'Storage "full" on pve1 has 0 B free; 4.0 KiB needed.'],
    ['local', /^The storage local on pve1 does not hold containers \(its content is ./],
  ])('is not begun on the storage %s, which cannot take its root', async (storage, message) => {
    const { story, simulator } = await start();
    await story.upload('a');
    const making = story.run('create', { tags: pending, guest: aContainer({ storage }) });
    await expect(making).rejects.toThrow(message);
    expect(simulator.guests()).toEqual([]);
  });

  it('of 80 GiB is made on a thin pool with 60 GiB free', async () => {
    const storages = seed().storages.map((one) =>
      one.storage === 'local-lvm' ? { ...one, avail: 60 * 2 ** 30 } : one,
    );
    const { story, world } = await start(seed({ storages }));
    await story.upload('a');
    await story.run('create', { tags: pending, guest: aContainer({ storage: 'local-lvm', diskGb: 80 }) });
    expect(config(world)['rootfs']).toContain('size=80G');
  });

  it('is not given the disk image of a VM that has its hash', async () => {
    const { story, world } = await start();
    await new Story(world).upload('a');
    await expect(story.run('create', { tags: pending })).rejects.toThrow('image of test-website is not on');
  });

  it.each(versions)('with the rights of its host is made on PVE %s only by those who may', async (version, from) => {
    const { story, world } = await start(from());
    await story.upload('a');
    const making = story.run('create', { tags: pending, guest: aContainer({ unprivileged: false }) });
    if (version === '8.4') {
      await making;
      expect(config(world)['unprivileged']).toBe(0);
    } else {
      await expect(making).rejects.toThrow('Permission check failed (/, Sys.Modify)');
      expect(world.simulator.guests()).toEqual([]);
    }
  });

  it('that does not start tells why', async () => {
    const { story } = await start();
    const guest = aContainer({ name: 'fail-start' });
    await story.upload('a');
    await story.run('create', { guest, tags: pending });
    const error = await story.run('start').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskError);
    expect(error).toMatchObject({ message: 'The start of CT 823 failed: startup for container failed' });
  });

  it('that does not shut down is stopped, and started with what was pending', async () => {
    const { story, simulator } = await start();
    await story.make(aContainer({ name: 'deaf' }));
    await story.run('configure', { guest: aContainer({ name: 'deaf', features: [] }), tags: pending });
    await story.run('restart');
    expect(await story.read()).toMatchObject({ status: 'running', config: { features: [], pending: [] } });
    expect(simulator.tasks().map((task) => task.type)).toEqual(
      expect.arrayContaining(['vzreboot', 'vzshutdown', 'vzstart']),
    );
  });

  it('whose identity is another one is another container, though all else is the same', async () => {
    const { story, world } = await start();
    await story.make();
    const net0 = String(config(world)['net0']).replace(/hwaddr=[^,]+/, 'hwaddr=BC:24:11:00:00:01');
    await world.admin('PUT', '/nodes/pve1/lxc/823/config', { net0 });
    await expect(story.run('finish', { tags: 'proxnix' })).rejects.toThrow(
      'CT 823 is another machine than planned: its MAC address differs.',
    );
  });

  it('is not taken for the VM that a plan was made for, nor the other way', async () => {
    const { story, world } = await start();
    await story.make();
    const vm = new Story(world);
    vm.precondition = story.precondition && { ...story.precondition, guestKind: 'vm' };
    await expect(vm.run('stop')).rejects.toThrow('VM 823 is not on pve1 any more');
    await expect(vm.run('destroy')).rejects.toThrow('VM 823 is not on pve1, but its VMID is still taken.');
    expect((await story.read()).status).toBe('running');
  });
});

describe('a lock of a container', () => {
  it('of a backup is waited for, and the plan still holds after it', async () => {
    const { story, simulator } = await start();
    await story.make();
    await simulator.outside({ do: 'lock', vmid: 823, lock: 'backup' });
    const write = story.run('configure', { guest: aContainer({ description: 'new' }), tags: pending });
    await setTimeout(150);
    await simulator.outside({ do: 'unlock', vmid: 823 });
    await write;
    expect((await story.read()).config?.description).toBe('new');
  });

  it('that stays is told with the command that removes it', async () => {
    const { story, simulator, world } = await start();
    await story.make();
    await simulator.outside({ do: 'lock', vmid: 823, lock: 'backup' });
    const other = impatient(world);
    other.precondition = story.precondition;
    await expect(other.run('configure', { tags: pending })).rejects.toMatchObject({
      message: 'CT 823 is locked (backup).',
      next: 'Wait until the backup is done; if nothing runs any more, root can `pct unlock 823`.',
    });
  });
});

describe.each(versions)('the replacement of a container on PVE %s', (_, from) => {
  const steps = ['prepare', 'attach', 'swap', 'restart'] as const;

  it('keeps the options of its root and its network card; the size is that of the new one', async () => {
    const { story, world } = await start(from());
    await story.make();
    await story.run('stop');
    const root = `${config(world)['rootfs']},replicate=0,mountoptions=noatime`;
    await world.admin('PUT', '/nodes/pve1/lxc/823/config', { rootfs: root });
    await story.look();
    const { net0 } = config(world);
    await story.run('start');
    await story.upload('b');
    for (const step of steps) await story.run(step, { guest: next, tags: pending });
    const rootfs = String(config(world)['rootfs']);
    for (const option of ['replicate=0', 'mountoptions=noatime', 'size=3G']) expect(rootfs).toContain(option);
    expect(config(world)['net0']).toBe(net0);
  });

  it('stages with the rights that the container has, without a network card and never started', async () => {
    const { story, world } = await start(from());
    await story.make();
    await story.upload('b');
    await story.run('prepare', { guest: next });
    const staging = config(world, 900_000_823);
    expect(staging).toMatchObject({ unprivileged: 1, tags: pending });
    expect(staging).not.toHaveProperty('net0');
    expect(String(staging['mp0'])).toContain(String(staging['rootfs']).split(',')[0]);
    expect(
      world.simulator
        .tasks()
        .filter((task) => task.id === '900000823')
        .map((task) => task.type),
    ).toEqual(['vzcreate']);
  });

  it('takes the newest root when one was swapped in before and waits', async () => {
    const { story, world } = await start(from());
    const before = await story.make();
    await story.upload('b');
    for (const step of ['prepare', 'attach', 'swap'] as const) await story.run(step, { guest: next, tags: pending });
    for (const step of ['prepare', 'attach'] as const) await story.run(step, { guest: next });
    const newest = config(world)['unused201'];
    await story.run('swap', { guest: next, tags: `other;${pending}` });
    await story.run('restart');
    const { config: after } = await story.read();
    expect(after?.disks['rootfs']?.volid).toBe(newest);
    expect(Object.values(after?.unused ?? {})).toContain(before.config?.disks['rootfs']?.volid);
    expect(Object.keys(after?.unused ?? {})).toHaveLength(2);
  });

  it('keeps the root that runs, also when somebody else let another one wait without it', async () => {
    const { story, world } = await start(from());
    const old = (await story.make()).config?.disks['rootfs']?.volid;
    await story.upload('b');
    for (const step of ['prepare', 'attach', 'prepare', 'attach'] as const) await story.run(step, { guest: next });
    const { unused200: first, unused201: second } = config(world);
    await world.admin('PUT', '/nodes/pve1/lxc/823/config', { rootfs: `${first},size=3G` });
    await story.look();
    await story.run('swap', { guest: next, tags: pending });
    await story.run('restart');
    const { config: after } = await story.read();
    expect(after?.disks['rootfs']?.volid).toBe(second);
    expect(new Set(Object.values(after?.unused ?? {}))).toEqual(new Set([old, first]));
  });

  it('frees neither the root that waits nor the one that still runs', async () => {
    const { story } = await start(from());
    const old = (await story.make()).config?.disks['rootfs']?.volid ?? '';
    await story.upload('b');
    for (const step of ['prepare', 'attach', 'swap'] as const) await story.run(step, { guest: next, tags: pending });
    const waiting = (await story.read()).config?.disks['rootfs']?.volid ?? '';
    for (const volid of [old, waiting])
      await expect(story.run('free', { volids: [volid] })).rejects.toThrow(`${volid} is in use by CT 823`);
    await story.run('restart');
    expect((await story.read()).config?.disks['rootfs']?.volid).toBe(waiting);
  });

  it('never takes a volume of another guest, which Proxmox would', async () => {
    const { story, world, simulator } = await start(from());
    await story.make();
    const theirs = { vmid: 824, ostemplate: template, rootfs: 'fast:1', unprivileged: 1 };
    await world.admin('POST', '/nodes/pve1/lxc', theirs);
    await world.admin('PUT', '/nodes/pve1/lxc/823/config', { unused200: 'fast:824/vm-824-disk-0.raw' });
    await world.admin('POST', '/nodes/pve1/lxc/823/status/stop');
    await story.look();
    await expect(story.run('swap', { tags: pending })).rejects.toThrow(
      'fast:824/vm-824-disk-0.raw is no volume of CT 823: nothing was written.',
    );
    expect(simulator.volumes().map(({ volid }) => volid)).toContain('fast:824/vm-824-disk-0.raw');
  });

  it('passes over a VM that sits on the VMID of its staging guest', async () => {
    const { story, world } = await start(from());
    await story.make();
    await world.admin('POST', '/nodes/pve1/qemu', { vmid: 900_000_823, name: 'stranger' });
    await story.upload('b');
    for (const step of steps) await story.run(step, { guest: next, tags: pending });
    expect((await story.read()).config?.disks['rootfs']?.sizeMb).toBe(3072);
    expect(world.simulator.guests().map(({ vmid }) => vmid)).toEqual([823, 900_000_823]);
  });

  it('works with a token that has rights on a pool only, as creation and deletion do', async () => {
    const base = from();
    const tokens = base.tokens.map((token) => {
      const { '/vms': _vms, ...privileges } = token.privileges;
      return { ...token, privileges };
    });
    const { world } = await start(from({ tokens }));
    const story = new Story({ ...world, cluster: world.connect({ pool: 'proxnix' }) }, 'container');
    await story.make();
    await story.upload('b');
    for (const step of steps) await story.run(step, { guest: next, tags: pending });
    expect((await story.read()).config?.disks['rootfs']?.sizeMb).toBe(3072);
    const { precondition } = story;
    expect(await story.run('destroy')).toBeUndefined();
    story.precondition = precondition;
    expect(await story.run('destroy')).toBeUndefined();
  });
});
