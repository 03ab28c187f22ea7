import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Precondition } from '../../../src/cluster/cluster.ts';
import { TaskError } from '../../../src/cluster/proxmox/errors.ts';
import { createPlan } from '../../../src/core/plan.ts';
import { Story, type World } from '../../contracts/cluster.ts';
import { aGoal, anImage } from '../../support/builders.ts';
import { aContainer, aGuest } from './a-guest.ts';
import { openSimulated, quick, seed } from './on-simulator.ts';

const pending = 'proxnix;proxnix-pending';
const next = aGuest({ image: anImage('b'), diskGb: 3 });

async function start(from = seed()) {
  const world = await openSimulated(from);
  onTestFinished(() => world.close());
  return { world, story: new Story(world), simulator: world.simulator };
}

const config = (world: Awaited<ReturnType<typeof start>>['world'], vmid = 823) =>
  world.simulator.guest(vmid)?.config ?? {};

/** What a fresh plan would take for its basis. */
async function guardNow({ cluster }: World): Promise<Precondition> {
  const [guest] = (await cluster.readState(new Set([823]))).guests;
  return {
    guestKind: 'vm',
    vmid: 823,
    node: 'pve1',
    uuid: guest?.config?.uuid ?? '',
    digest: guest?.config?.digest ?? '',
  };
}

describe('a creation that is cut off', () => {
  it('before its tags is gone on with, or discarded', async () => {
    const { world, story } = await start();
    await story.upload('a');
    const incomplete = { vmid: 823, name: 'test-website', description: 'proxnix makes guest 823' };
    await world.admin('POST', '/nodes/pve1/qemu', incomplete);
    await story.run('create', { tags: pending });
    expect(config(world)).toMatchObject({ tags: pending, description: 'the website' });
    await story.run('destroy');
    await world.admin('POST', '/nodes/pve1/qemu', incomplete);
    story.precondition = await guardNow(world);
    await world.recreate(823);
    await expect(story.run('discard', { staging: false })).rejects.toThrow('is another machine than planned');
    story.precondition = await guardNow(world);
    expect(await story.run('discard', { staging: false })).toBeUndefined();
    expect(world.simulator.guests()).toEqual([]);
    await world.admin('POST', '/nodes/pve1/qemu', { ...incomplete, scsi0: 'fast:1' });
    story.precondition = await guardNow(world);
    await expect(story.run('discard', { staging: false })).rejects.toThrow('does not carry the tag "proxnix"');
  });

  it('in its import leaves a guest that is discarded with the volume nothing refers to', async () => {
    const { world, story, simulator } = await start(
      seed({ rates: { importBytesPerSecond: 1e7, statisticsSeconds: 0 } }),
    );
    await story.upload('a');
    await story.run('create', { tags: pending });
    const importing = story.run('import').catch((error: unknown) => error);
    await vi.waitFor(() => expect(simulator.volumes().some((volume) => volume.volid.includes('vm-823'))).toBe(true));
    await simulator.outside({ do: 'kill-worker', vmid: 823 });
    expect(await importing).toMatchObject({ text: 'unexpected status' });
    expect(simulator.volumes().filter((volume) => volume.volid.includes('vm-823'))).toHaveLength(1);
    story.precondition = await guardNow(world);
    expect(await story.run('discard', { staging: false })).toBeUndefined();
    expect(simulator.volumes().filter((volume) => volume.volid.includes('vm-823'))).toEqual([]);
  });

  it('is gone on with after the task that still runs on the guest', async () => {
    const { world, story } = await start();
    await story.make(aGuest({ name: 'deaf' }));
    await world.admin('POST', '/nodes/pve1/qemu/823/status/shutdown', { timeout: 10 }, false);
    world.requests.length = 0;
    await story.run('configure', { tags: pending });
    const write = world.requests.findIndex((request) => request.startsWith('PUT '));
    const looks = world.requests.flatMap((request, index) => (/qmshutdown.*status$/.test(request) ? [index] : []));
    expect(looks.length).toBeGreaterThan(0);
    expect(Math.min(...looks)).toBeLessThan(write);
    expect(world.requests.filter((request) => request.startsWith('PUT '))).toHaveLength(1);
  });
});

describe('a destroy', () => {
  it.each([
    ['was protected', { protection: 1 }, /is protected in Proxmox: it is not deleted/],
    [
      'became another machine',
      { smbios1: `uuid=${'1'.repeat(8)}-0000-4000-8000-${'2'.repeat(12)}` },
      /another machine/,
    ],
    ['lost the tag', { tags: 'somebody-elses' }, /does not carry the tag "proxnix"/],
  ])('leaves a guest that %s while it was stopped', async (_, set, words) => {
    const { world, story, simulator } = await start();
    await story.make();
    world.requests.length = 0;
    const edits: Promise<void>[] = [];
    const monitor = {
      task: () => void edits.push(simulator.outside({ do: 'edit', vmid: 823, set })),
      progress: () => undefined,
      line: () => undefined,
    };
    const step = { kind: 'destroy', guestKind: 'vm', vmid: 823, node: 'pve1', name: 'test-website' } as const;
    await expect(world.cluster.perform(step, story.precondition, monitor)).rejects.toThrow(words);
    await Promise.all(edits);
    expect(edits).toHaveLength(1);
    expect(simulator.guest(823)).toBeDefined();
    expect(world.requests.filter((request) => request.startsWith('DELETE '))).toEqual([]);
  });
});

describe('a discard', () => {
  it.each([
    ['was protected', { protection: 1 }, /is protected in Proxmox/],
    [
      'became another machine',
      { smbios1: `uuid=${'1'.repeat(8)}-0000-4000-8000-${'2'.repeat(12)}` },
      /another machine/,
    ],
    ['got its final tags', { tags: `proxnix;nix-${'a'.repeat(32)}` }, /is not incomplete/],
  ])('leaves a guest that %s while it was stopped', async (_, set, words) => {
    const { world, story, simulator } = await start();
    await story.upload('a');
    await story.run('create', { tags: pending });
    await story.run('import');
    await story.run('start');
    world.requests.length = 0;
    const edits: Promise<void>[] = [];
    const monitor = {
      task: () => void (edits.length === 0 && edits.push(simulator.outside({ do: 'edit', vmid: 823, set }))),
      progress: () => undefined,
      line: () => undefined,
    };
    const step = { kind: 'discard', guestKind: 'vm', vmid: 823, node: 'pve1', staging: false } as const;
    await expect(world.cluster.perform(step, story.precondition, monitor)).rejects.toThrow(words);
    await Promise.all(edits);
    expect(simulator.guest(823)).toBeDefined();
    expect(world.requests.filter((request) => request.startsWith('DELETE '))).toEqual([]);
  });
});

describe('a storage', () => {
  it.each([
    ['full', /Storage "full" on pve1 has 0 B free; 64.0 KiB needed/],
    ['local', /storage local on pve1 does not hold VM disks/],
    ['nosuch', /storage nosuch cannot be used on pve1|Permission check failed/],
  ])('%s that cannot take the disk stops a creation before anything is there', async (storage, words) => {
    const { story, simulator } = await start();
    await story.upload('a');
    await expect(story.run('create', { tags: pending, guest: aGuest({ storage }) })).rejects.toThrow(words);
    expect(simulator.guests()).toEqual([]);
  });

  const mib = 2 ** 20;
  const withFast = (type: string, avail: number) =>
    seed({ storages: seed().storages.map((one) => (one.storage === 'fast' ? { ...one, type, avail } : one)) });

  it.each(['dir', 'nfs', 'lvmthin', 'zfspool', 'rbd', 'btrfs'])(
    'of the type %s is not too full for the size that a guest sees',
    async (type) => {
      const { world, story } = await start(withFast(type, 37 * mib));
      await story.make();
      await story.upload('b');
      await story.run('prepare', { guest: next });
      expect(config(world, 900_000_823)['scsi0']).toContain('size=3G');
    },
  );

  it('of the type lvm has room for the whole of every disk, or makes none', async () => {
    const { story, simulator } = await start(withFast('lvm', 1500 * mib));
    await story.upload('a');
    await expect(story.run('create', { tags: pending })).rejects.toThrow(
      'Storage "fast" on pve1 has 1.5 GiB free; 2.0 GiB needed.',
    );
    expect(simulator.guests()).toEqual([]);
    const roomy = await start(withFast('lvm', 2048 * mib));
    await roomy.story.make();
  });

  it('that a root disk is moved to takes what is written, and none that is full leaves the guest pending', async () => {
    const small = seed().storages.map((one) => (one.storage === 'slow' ? { ...one, avail: 37 * mib } : one));
    const { world, story } = await start(seed({ storages: small }));
    await story.make();
    const before = config(world)['tags'];
    const toFull = { guest: aGuest({ storage: 'full' }), tags: pending };
    await expect(story.run('configure', toFull)).rejects.toThrow('Storage "full" on pve1 has 0 B free');
    expect(config(world)['tags']).toBe(before);
    const guest = aGuest({ storage: 'slow' });
    await story.run('configure', { guest, tags: pending });
    await story.run('move-disk', { guest });
    expect(config(world)['scsi0']).toContain('slow:');
  });

  it.each([
    ['zfs', 'noSwap', 'ZFS over iSCSI'],
    ['iscsi', 'problems', 'has LUNs that exist'],
    ['iscsidirect', 'problems', 'has LUNs that exist'],
  ])('of the type %s is known for what it cannot do before anything is built', async (type, fact, words) => {
    const { world } = await start(withFast(type, 2 ** 40));
    const { nodes } = await world.cluster.readState(new Set());
    const { thin: _, ...facts } = nodes[0]?.storageFacts?.['fast'] ?? {};
    expect(Object.keys(facts)).toEqual([fact, 'noBackup']);
    expect(JSON.stringify(facts)).toContain(words);
  });

  it('of the type zfs fails at the very end without that: Proxmox hands no disk of it to another guest', async () => {
    const { story } = await start(withFast('zfs', 2 ** 40));
    await story.make();
    await story.upload('b');
    await story.run('prepare', { guest: next });
    await expect(story.run('attach', { guest: next })).rejects.toThrow('does not support the renaming of volumes');
  });

  it('whose content has no place for a root is known too, and what is free on LVM', async () => {
    const { world } = await start(withFast('lvm', 5 * 2 ** 30));
    const { nodes } = await world.cluster.readState(new Set());
    const noBackup = expect.stringContaining('takes no backups');
    expect(nodes[0]?.storageFacts?.['fast']).toEqual({ free: 5 * 2 ** 30, noBackup });
    const thin = { size: 500 * 2 ** 30, free: 500 * 2 ** 30 };
    expect(nodes[0]?.storageFacts?.['local-lvm']).toEqual({ thin, noBackup });
    expect(nodes[0]?.storageFacts?.['local']?.problems?.container).toContain(
      'does not hold containers (its content is import,iso,snippets,vztmpl). Choose another `storage_location`',
    );
  });

  it.each(['dir', 'lvmthin', 'zfspool'])(
    'of the type %s takes a container whose disk is larger than what is free there',
    async (type) => {
      const { world } = await start(withFast(type, 60 * 2 ** 30));
      const guest = aContainer({ diskGb: 80 });
      const plan = createPlan(aGoal({ guests: [guest] }), await world.cluster.readState(new Set([guest.vmid])));
      expect(plan.changes[0]?.blocked).toBeUndefined();
      expect(plan.tight).toEqual([expect.stringContaining('the new disks there may grow to 80.0 GiB.')]);
      await new Story(world, 'container').make(guest);
    },
  );

  it('that is too full stops a replacement while the guest runs on', async () => {
    const { story } = await start();
    const before = await story.make();
    await story.upload('b');
    await expect(story.run('prepare', { guest: { ...next, storage: 'full' } })).rejects.toThrow(
      'Storage "full" on pve1 has 0 B free',
    );
    expect(await story.read()).toEqual(before);
    expect((await story.world.cluster.readState(new Set())).guests).toHaveLength(1);
  });

  it('whose image is larger than the disk wanted stops a replacement', async () => {
    const { story } = await start();
    await story.make();
    await story.upload('b');
    await expect(story.run('prepare', { guest: { ...next, diskGb: 0.5 } })).rejects.toThrow(
      'The root disk of test-website has 1.0 GiB, more than its disk_gb = 0.5.',
    );
  });
});

describe('a restart', () => {
  it('stops a guest that does not listen, and starts it with what was pending', async () => {
    const { story, world } = await start();
    await story.make(aGuest({ name: 'deaf' }));
    const guest = aGuest({ name: 'deaf', memoryMb: 4096 });
    await story.run('configure', { guest, tags: pending });
    await story.run('restart');
    expect(await story.read()).toMatchObject({ status: 'running', config: { memoryMb: 4096, pending: [] } });
    expect(world.simulator.tasks().map((task) => task.type)).toEqual(
      expect.arrayContaining(['qmreboot', 'qmshutdown', 'qmstart']),
    );
  });

  it('that ends with a stopped guest tells why it does not start', async () => {
    const { story } = await start();
    await story.make();
    await story.run('configure', { guest: aGuest({ cores: 64 }), tags: pending });
    const error = await story.run('restart').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: 'The start of VM 823 failed: MAX 8 vcpus allowed per VM on this node',
      next: expect.stringContaining('fewer `cores`'),
    });
  });

  it('does not wake a guest that is stopped', async () => {
    const { story } = await start();
    await story.make();
    await story.run('stop');
    await story.run('configure', { guest: aGuest({ memoryMb: 4096 }), tags: pending });
    await story.run('restart');
    expect(await story.read()).toMatchObject({ status: 'stopped', config: { pending: [], memoryMb: 4096 } });
  });
});

it('a start that fails tells the reason of the log, with its last lines', async () => {
  const { story } = await start();
  const guest = aGuest({ name: 'fail-start' });
  await story.upload('a');
  await story.run('create', { guest, tags: pending });
  for (const kind of ['import', 'resize'] as const) await story.run(kind, { guest });
  const error = await story.run('start').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TaskError);
  expect(error).toMatchObject({ message: expect.stringMatching(/^The start of VM 823 failed: ./) });
});

describe('a lock', () => {
  it('of a backup is waited for, and the plan still holds after it', async () => {
    const { story, simulator } = await start();
    await story.make();
    await simulator.outside({ do: 'lock', vmid: 823, lock: 'backup' });
    const write = story.run('configure', { guest: aGuest({ description: 'new' }), tags: pending });
    await setTimeout(150);
    await simulator.outside({ do: 'unlock', vmid: 823 });
    await write;
    expect((await story.read()).config?.description).toBe('new');
  });

  it('that stays is told with the command that removes it', async () => {
    const { story, simulator, world } = await start();
    await story.make();
    await simulator.outside({ do: 'lock', vmid: 823, lock: 'backup' });
    const impatient = new Story({ ...world, cluster: world.connect({ timeouts: { ...quick, busyMs: 0 } }) });
    impatient.precondition = story.precondition;
    await expect(impatient.run('configure', { tags: pending })).rejects.toMatchObject({
      message: 'VM 823 is locked (backup).',
      next: expect.stringContaining('qm unlock 823'),
    });
  });
});

describe('a replacement', () => {
  it('keeps every option of the drive, and the MAC address', async () => {
    const { story, world } = await start();
    await story.make();
    const drive = String(config(world)['scsi0']).replace(/,size=\w+/, '');
    await story.run('stop');
    await world.admin('PUT', '/nodes/pve1/qemu/823/config', { scsi0: `${drive},ssd=1,iothread=1` });
    await story.upload('b');
    story.precondition = await guardNow(world);
    const net = config(world)['net0'];
    await story.run('start');
    for (const kind of ['prepare', 'attach', 'swap', 'restart'] as const)
      await story.run(kind, { guest: next, tags: pending });
    expect(String(config(world)['scsi0'])).toMatch(/discard=on.*iothread=1.*size=3G.*ssd=1$/);
    expect(config(world)['net0']).toBe(net);
  });

  it('of a stopped guest is there at once', async () => {
    const { story } = await start();
    await story.make();
    await story.run('stop');
    await story.upload('b');
    for (const kind of ['prepare', 'attach', 'swap'] as const) await story.run(kind, { guest: next, tags: pending });
    expect(await story.read()).toMatchObject({
      status: 'stopped',
      config: { pending: [], disks: { scsi0: { sizeMb: 3072 } } },
    });
  });

  it('passes over a stranger that sits on the VMID of its staging guest', async () => {
    const { story, world } = await start();
    await story.make();
    await world.admin('POST', '/nodes/pve1/qemu', { vmid: 900_000_823, name: 'stranger' });
    await story.upload('b');
    for (const kind of ['prepare', 'attach', 'swap', 'restart'] as const)
      await story.run(kind, { guest: next, tags: pending });
    expect((await story.read()).config?.disks['scsi0']?.sizeMb).toBe(3072);
    expect(world.simulator.guests().map((guest) => guest.vmid)).toEqual([823, 900_000_823]);
    await story.run('discard', { staging: true });
    expect(world.simulator.guest(900_000_823)).toBeDefined();
  });

  it('takes the newest disk when an interrupted run handed one over before', async () => {
    const { story, world } = await start();
    await story.make();
    await story.upload('b');
    for (const kind of ['prepare', 'attach', 'prepare', 'attach'] as const) await story.run(kind, { guest: next });
    const newest = config(world)['unused201'];
    await story.run('swap', { guest: next, tags: pending });
    expect((await story.read()).config?.disks['scsi0']?.volid).toBe(newest);
  });
});

describe('a token', () => {
  const without = (privilege: string) => {
    const text = JSON.stringify(seed()).replaceAll(`"${privilege}",`, '').replaceAll(`,"${privilege}"`, '');
    return JSON.parse(text) as ReturnType<typeof seed>;
  };

  it.each([
    ['VM.PowerMgmt', '/vms'],
    ['VM.Config.Disk', '/vms'],
    ['VM.Config.Options', '/vms'],
    ['Datastore.AllocateTemplate', '/storage/local'],
  ])('without %s is told how to get it', async (privilege, path) => {
    const { story } = await start(without(privilege));
    const error = await story.make().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: expect.stringContaining(privilege),
      next: expect.stringContaining(`pveum acl modify ${path} `),
    });
  });

  it.each([
    ['takes free tags from tokens', { 'user-tag-access': { 'user-allow': 'existing' } }],
    ['registers the tag proxnix', { 'registered-tags': ['proxnix'] }],
  ])('where a policy %s is told of the policy, not of a right on the guest', async (_, options) => {
    const { story, simulator } = await start(seed({ options }));
    const error = await story.make().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: expect.stringContaining("Sys.Modify for modifying tag '"),
      next: expect.stringContaining('pvesh set /cluster/options --user-tag-access user-allow=free'),
    });
    expect(error).not.toMatchObject({ next: expect.stringContaining('pveum') });
    expect(error).toMatchObject({ next: expect.stringContaining('VM 823 was removed again') });
    expect(simulator.guest(823)).toBeUndefined();
    expect(simulator.volumes().filter(({ volid }) => volid.includes('823'))).toEqual([]);
  });

  it('with rights on a pool only makes, replaces and destroys guests in it', async () => {
    const base = seed();
    const tokens = base.tokens.map((token) => {
      const { '/vms': _, ...privileges } = token.privileges;
      return { ...token, privileges };
    });
    const { world } = await start(seed({ tokens }));
    const story = new Story({ ...world, cluster: world.connect({ pool: 'proxnix' }) });
    await story.make();
    await story.upload('b');
    for (const kind of ['prepare', 'attach', 'swap', 'restart'] as const)
      await story.run(kind, { guest: next, tags: pending });
    expect((await story.read()).config?.disks['scsi0']?.sizeMb).toBe(3072);
    const { precondition } = story;
    expect(await story.run('destroy')).toBeUndefined();
    story.precondition = precondition;
    expect(await story.run('destroy')).toBeUndefined();
  });
});
