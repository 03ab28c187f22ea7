import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Cluster, ClusterMonitor, ImageFile, Precondition } from '../../src/cluster/cluster.ts';
import { dataDisksOf } from '../../src/core/data-disk-changes.ts';
import type { DataDisk } from '../../src/core/data-disks.ts';
import { diffGuest } from '../../src/core/diff.ts';
import { type Goal, hasConfig } from '../../src/core/goal.ts';
import { type DesiredGuest, type GuestKind, type GuestRef, guestLabel } from '../../src/core/guest.ts';
import type { KnownGuest, LiveDisk, LiveGuest } from '../../src/core/live.ts';
import { createPlan, type Plan } from '../../src/core/plan.ts';
import { planSteps, type StepSpec } from '../../src/core/steps.ts';
import { updatingTags } from '../../src/core/tags.ts';
import { aContainer, aGuest, type CommonChange } from '../cluster/proxmox/a-guest.ts';
import { anImage } from '../support/builders.ts';

/** A cluster with one node `pve1`, storages `fast` and `slow`, and the hands of somebody who does not ask the bot. */
export interface World {
  readonly cluster: Cluster;
  /** A file of that image; 1 GiB virtual size of a VM's. */
  imageFile(letter: string, kind?: GuestKind): ImageFile;
  edit(vmid: number, change: { memoryMb?: number; tags?: string; protected?: boolean }): Promise<void>;
  /** Deletes the guest and makes another under its VMID, with the same name, tags and settings. */
  recreate(vmid: number): Promise<void>;
  remove(vmid: number): Promise<void>;
  /** Stops a running guest. */
  stop(vmid: number): Promise<void>;
  close(): Promise<void>;
}

const pending = 'proxnix;proxnix-pending';
const done = `commit-${'1'.repeat(40)};nix-${'a'.repeat(32)};proxnix`;

/** What every cluster promises to those that use it: of a VM and of a container the same, where there is such a thing. */
export function clusterContract(name: string, open: () => Promise<World>): void {
  guestContract(`${name}, VM`, 'vm', open);
  guestContract(`${name}, container`, 'container', open);
}

function guestContract(name: string, kind: GuestKind, open: () => Promise<World>): void {
  const isVm = kind === 'vm';
  const at: GuestRef = { guestKind: kind, vmid: 823, node: 'pve1' };
  const label = guestLabel(at);
  const slot = isVm ? 'scsi0' : 'rootfs';
  const a = (change: CommonChange = {}) => (isVm ? aGuest(change) : aContainer(change));
  const image = (letter: string) => anImage(letter, kind);
  const start = async () => {
    const world = await open();
    onTestFinished(() => world.close());
    return new Story(world, kind);
  };

  describe(`${name}: the state of the cluster`, () => {
    it('has nodes with their storages, and no guests at first', async () => {
      const { world } = await start();
      const state = await world.cluster.readState(new Set([823]));
      expect(state.guests).toEqual([]);
      expect(state.nodes).toEqual([expect.objectContaining({ node: 'pve1', online: true })]);
      expect(state.nodes[0]?.storages).toEqual(expect.arrayContaining(['fast', 'slow']));
    });

    it('has the configuration of guests that are ours or wanted, and only the name of others', async () => {
      const story = await start();
      await story.make();
      await story.world.edit(823, { tags: 'prod' });
      expect((await story.read([])).config).toBeUndefined();
      expect((await story.read([823])).config?.memoryMb).toBe(2048);
      await story.world.edit(823, { tags: 'prod;proxnix' });
      expect((await story.read([])).config?.memoryMb).toBe(2048);
    });
  });

  describe(`${name}: what people see`, () => {
    it('is the guests of the list, how long those that run have run, nodes and storages, each with an address', async () => {
      const story = await start();
      const { cluster } = story.world;
      expect((await cluster.view()).guests).toEqual([]);
      await story.make();
      await vi.waitFor(async () => expect(await cluster.list()).toMatchObject([{ status: 'running' }]), 5000);
      const seen = await cluster.view();
      const [guest] = await cluster.list();
      expect(seen.guests).toEqual([{ guest, uptime: expect.any(Number), url: expect.stringMatching(/^https?:/) }]);
      expect(seen.nodes).toMatchObject([{ node: 'pve1', online: true }]);
      expect(seen.storages.map(({ storage }) => storage)).toEqual(expect.arrayContaining(['fast', 'slow']));
      for (const { url } of [...seen.nodes, ...seen.storages]) expect(url).toMatch(/^https?:/);
    });
  });

  describe(`${name}: the list of guests`, () => {
    it('has every guest with its tags and no configuration, ours or not', async () => {
      const story = await start();
      expect(await story.world.cluster.list()).toEqual([]);
      await story.make();
      await vi.waitFor(
        async () => expect(await story.world.cluster.list()).toMatchObject([{ status: 'running' }]),
        5000,
      );
      const { config: _, ...listed } = await story.read();
      expect(await story.world.cluster.list()).toEqual([listed]);
      await story.world.edit(823, { tags: 'prod' });
      expect(await story.world.cluster.list()).toEqual([{ ...listed, tags: ['prod'] }]);
    });
  });

  describe(`${name}: a backup`, () => {
    it('leaves the guest as it is, tells its volume, and lets the next step go on', async () => {
      const story = await start();
      const before = await story.make();
      const volids: string[] = [];
      const monitor = { ...story.monitor, backup: (volid: string) => void volids.push(volid) };
      const step = { ...at, kind: 'backup', storage: 'vault', notes: '{{guestname}} before' } as const;
      const after = await story.world.cluster.perform(step, story.precondition, monitor);
      expect(after).toEqual(story.precondition);
      expect(volids).toEqual([expect.stringMatching(/^vault:backup\/./)]);
      expect(await story.read()).toEqual(before);
      await story.run('configure', { guest: a({ memoryMb: 4096 }), tags: pending });
      expect((await story.read()).config?.memoryMb).toBe(4096);
    });

    it('is not made of another machine than planned', async () => {
      const story = await start();
      await story.make();
      await story.world.recreate(823);
      await expect(story.run('backup', { storage: 'vault', notes: 'x' })).rejects.toThrow('is another machine');
    });
  });

  describe(`${name}: a new guest`, () => {
    it('is made step by step and ends as wanted, running, with its final tags', async () => {
      const story = await start();
      await story.upload('a');
      await story.run('create', { tags: pending });
      const early = await story.read();
      expect(early).toMatchObject({ status: 'stopped', tags: ['proxnix', 'proxnix-pending'] });
      expect(Object.keys(early.config?.disks ?? {})).toEqual(isVm ? [] : ['rootfs']);
      if (isVm) for (const step of ['import', 'resize'] as const) await story.run(step);
      await story.run('start');
      await story.run('finish', { tags: done });

      const guest = await story.read();
      expect(guest).toMatchObject({ kind, vmid: 823, node: 'pve1', name: 'test-website', status: 'running' });
      expect(guest.tags.join(';')).toBe(done);
      expect(guest.config?.uuid).toMatch(/./);
      expect(guest.config).toMatchObject({
        cores: 2,
        memoryMb: 2048,
        onboot: true,
        protected: false,
        description: 'the website',
        bridge: 'vmbr0',
        disks: { [slot]: { storage: 'fast', sizeMb: 2048 } },
        unused: {},
        pending: [],
        ...(isVm
          ? { sockets: 1, scsiHw: 'virtio-scsi-pci', boot: ['scsi0'] }
          : { swapMb: 256, ip: 'dhcp', unprivileged: true, features: ['nesting'] }),
      });
    });

    it('has the values that are compared no more', async () => {
      const story = await start();
      await story.make(a({ memoryMb: 1024, onboot: false, ignore: ['memory_mb', 'onboot'] }));
      expect((await story.read()).config).toMatchObject({ memoryMb: 1024, onboot: false });
    });

    it('is protected with its last write', async () => {
      const story = await start();
      await story.make(a({ protected: true }));
      expect((await story.read()).config?.protected).toBe(true);
    });

    it.runIf(isVm)('has the cloud-init drive and no description where the flake wants it so', async () => {
      const story = await start();
      await story.make(aGuest({ description: '', cloudInit: { storage: 'fast' } }));
      expect((await story.read()).config).toMatchObject({
        description: '',
        cloudInit: { storage: 'fast' },
      });
      expect(Object.keys((await story.read()).config?.disks ?? {})).toEqual(['scsi0']);
    });

    it.runIf(!isVm)('has its address, and neither features nor a description where the flake wants it so', async () => {
      const story = await start();
      const fixed = { ip: '10.0.0.5/24', gateway: '10.0.0.1' };
      await story.make(aContainer({ description: '', features: [], unprivileged: true, swapMb: 0, ...fixed }));
      const { config } = await story.read();
      expect(config).toMatchObject({ description: '', features: [], unprivileged: true, swapMb: 0, ...fixed });
    });

    it('is refused when the VMID is taken', async () => {
      const story = await start();
      await story.make();
      await expect(story.run('create', { tags: pending })).rejects.toThrow('VMID 823 is taken');
    });

    it('is refused without its image, and nothing is left of it', async () => {
      const story = await start();
      await expect(story.run('create', { tags: pending })).rejects.toThrow(/image of test-website is not on/);
      expect(await story.find()).toBeUndefined();
    });

    it.runIf(isVm)('is refused when its image is larger than its disk', async () => {
      const story = await start();
      await story.upload('a');
      const small = a({ diskGb: 0.5 });
      await expect(story.run('create', { tags: pending, guest: small })).rejects.toThrow(/more than its disk_gb/);
      expect(await story.find()).toBeUndefined();
    });
  });

  describe(`${name}: a guest that is changed in place`, () => {
    it('gets what differs, which waits for the restart where it must', async () => {
      const story = await start();
      const before = await story.make();
      const change = { memoryMb: 4096, name: 'web', description: 'new' };
      // What a container is given changes at once, its features do not.
      const guest = isVm ? aGuest(change) : aContainer({ ...change, features: [] });
      await story.run('configure', { guest, tags: pending });
      const waiting = await story.read();
      expect(waiting).toMatchObject({ name: 'web', config: { memoryMb: 4096, description: 'new' } });
      expect(waiting.config?.pending).toHaveLength(1);
      await story.run('restart');
      await story.run('finish', { guest, tags: done });
      const after = await story.read();
      expect(after).toMatchObject({ status: 'running', config: { memoryMb: 4096, pending: [] } });
      expect(after.config?.uuid).toBe(before.config?.uuid);
      expect(after.config?.disks).toEqual(before.config?.disks);
    });

    it('keeps running when what waits is taken back: the value in use is known', async () => {
      const story = await start();
      const before = await story.make();
      const guest = isVm ? aGuest({ memoryMb: 4096 }) : aContainer({ features: [] });
      await story.run('configure', { guest, tags: pending });
      const { config } = await story.read();
      expect(config?.inUse).toEqual(isVm ? { memoryMb: 2048 } : { features: ['nesting'] });
      await story.run('configure', { tags: done });
      const after = await story.read();
      expect(after.config).toMatchObject({ pending: [], uuid: before.config?.uuid });
      expect(after.config).not.toHaveProperty('inUse');
    });

    it('is not written to when nothing differs', async () => {
      const story = await start();
      const before = await story.make();
      await story.run('configure', { tags: done });
      await story.run('restart');
      expect((await story.read()).config?.digest).toBe(before.config?.digest);
    });

    it.runIf(!isVm)('gets its share of the host and its address at once, and keeps its MAC address', async () => {
      const story = await start();
      const before = await story.make();
      const change = { cores: 1, memoryMb: 1024, swapMb: 0, ip: '10.0.0.5/24', gateway: '10.0.0.1', onboot: false };
      await story.run('configure', { guest: aContainer(change), tags: pending });
      const { config } = await story.read();
      expect(config).toMatchObject({ ...change, uuid: before.config?.uuid, pending: [] });
      await story.run('configure', { guest: aContainer({ ip: 'manual' }), tags: pending });
      const after = (await story.read()).config;
      expect(after).toMatchObject({ ip: 'manual', uuid: before.config?.uuid });
      expect(after).not.toHaveProperty('gateway');
    });

    it.runIf(!isVm)('grows its root while it runs, which is never moved', async () => {
      const story = await start();
      await story.make();
      await story.run('resize', { guest: a({ diskGb: 3 }) });
      const before = await story.read();
      expect(before).toMatchObject({ status: 'running', config: { disks: { rootfs: { sizeMb: 3072 } } } });
      await story.run('move-disk', { guest: a() });
      await expect(story.run('move-disk', { guest: a({ storage: 'slow' }) })).rejects.toMatchObject({
        message: 'The root of CT 823 is not moved.',
        next: expect.stringContaining('pct move-volume 823 rootfs slow'),
      });
      expect(await story.read()).toEqual(before);
    });

    it('keeps a root disk that is larger than the one wanted: none is ever made smaller', async () => {
      const story = await start();
      const before = await story.make();
      await expect(story.run('resize', { guest: a({ diskGb: 1 }) })).rejects.toThrow('more than its disk_gb');
      expect((await story.read()).config?.disks).toEqual(before.config?.disks);
    });

    it.runIf(isVm)('moves its disk to another storage, and grows it, while it runs', async () => {
      const story = await start();
      await story.make();
      const guest = a({ storage: 'slow', diskGb: 3 });
      await story.run('move-disk', { guest });
      await story.run('resize', { guest });
      expect((await story.read()).config?.disks[slot]).toMatchObject({ storage: 'slow', sizeMb: 3072 });
      expect((await story.read()).status).toBe('running');
    });
  });

  describe(`${name}: a guest that gets a new image`, () => {
    const next = a({ image: image('b'), diskGb: 3 });

    it('keeps its VMID, UUID and settings; the old disk stays as an unused volume', async () => {
      const story = await start();
      const before = await story.make();
      await story.upload('b');
      await story.run('configure', { guest: next, tags: pending });
      await story.run('prepare', { guest: next });
      const [, staging] = (await story.world.cluster.readState(new Set())).guests;
      expect(staging?.config?.description).toBe('proxnix staging for guest 823');
      expect(staging?.tags).toEqual(['proxnix', 'proxnix-pending']);
      await story.run('attach', { guest: next });
      expect((await story.world.cluster.readState(new Set())).guests).toHaveLength(1);
      await story.run('swap', { guest: next, tags: pending });
      await story.run('restart');
      await story.run('finish', { guest: next, tags: done });

      const after = await story.read();
      const old = before.config?.disks[slot]?.volid;
      expect(after).toMatchObject({
        status: 'running',
        config: { uuid: before.config?.uuid, memoryMb: 2048, pending: [] },
      });
      expect(after.config?.disks[slot]).toMatchObject({ storage: 'fast', sizeMb: 3072 });
      expect(after.config?.disks[slot]?.volid).not.toBe(old);
      expect(Object.values(after.config?.unused ?? {})).toEqual([old]);
      if (isVm) expect(after.config).toMatchObject({ boot: ['scsi0'] });
    });

    it('goes on where it was when a step is asked for again', async () => {
      const story = await start();
      await story.make();
      await story.upload('b');
      for (const step of ['prepare', 'prepare', 'attach', 'attach'] as const) await story.run(step, { guest: next });
      await story.run('swap', { guest: next, tags: pending });
      await story.run('restart');
      await story.run('restart');
      expect((await story.read()).config?.disks[slot]?.sizeMb).toBe(3072);
      expect((await story.world.cluster.readState(new Set())).guests).toHaveLength(1);
    });

    it('loses a staging guest that an interrupted run left, and nothing else', async () => {
      const story = await start();
      const before = await story.make();
      await story.upload('b');
      await story.run('prepare', { guest: next });
      await story.run('discard', { staging: true });
      expect((await story.world.cluster.readState(new Set())).guests).toHaveLength(1);
      expect((await story.read()).config).toEqual(before.config);
      await story.run('discard', { staging: true });
    });

    it('is left alone when no disk was handed over', async () => {
      const story = await start();
      const before = await story.make();
      await expect(story.run('attach', { guest: next })).rejects.toThrow('gone before it was attached');
      await expect(story.run('swap', { guest: next, tags: pending })).rejects.toThrow('No new root disk was attached');
      expect((await story.read()).config).toEqual(before.config);
    });
  });

  describe(`${name}: a guest that gets its old root disk back`, () => {
    const next = a({ image: image('b'), diskGb: 3 });

    async function swapped() {
      const story = await start();
      const volid = (await story.make()).config?.disks[slot]?.volid ?? '';
      await story.upload('b');
      for (const step of ['prepare', 'attach'] as const) await story.run(step, { guest: next });
      await story.run('swap', { guest: next, tags: pending });
      return { story, volid };
    }

    it('runs it again after a stop and a start; the new disk stays as an unused volume', async () => {
      const { story, volid } = await swapped();
      await story.run('restart');
      const newer = (await story.read()).config?.disks[slot]?.volid;
      await story.run('rollback', { guest: next, volid });
      await story.run('start');
      const after = await story.read();
      expect(after).toMatchObject({ status: 'running', config: { pending: [] } });
      if (isVm) expect(after.config).toMatchObject({ boot: ['scsi0'] });
      expect(after.config?.disks[slot]?.volid).toBe(volid);
      expect(Object.values(after.config?.unused ?? {})).toEqual([newer]);
    });

    it('runs on when the swap was not real yet', async () => {
      const { story, volid } = await swapped();
      await story.run('rollback', { guest: next, volid });
      const after = await story.read();
      expect(after).toMatchObject({ status: 'running', config: { pending: [] } });
      expect(after.config?.disks[slot]?.volid).toBe(volid);
      expect(Object.values(after.config?.unused ?? {})).toHaveLength(1);
    });

    it('is left alone when it has that disk, and when the disk is gone', async () => {
      const { story, volid } = await swapped();
      await story.run('restart');
      const before = await story.read();
      const root = before.config?.disks[slot]?.volid ?? '';
      await story.run('rollback', { guest: next, volid: root });
      await expect(story.run('rollback', { guest: next, volid: `${volid}-gone` })).rejects.toThrow(
        `is not with ${label}`,
      );
      expect((await story.read()).config).toEqual(before.config);
    });
  });

  describe(`${name}: a guest that goes back to a disk that was kept`, () => {
    const next = a({ image: image('b'), diskGb: 3 });

    async function replaced() {
      const story = await start();
      const volid = (await story.make()).config?.disks[slot]?.volid ?? '';
      await story.upload('b');
      for (const step of ['prepare', 'attach'] as const) await story.run(step, { guest: next });
      await story.run('swap', { guest: next, tags: pending });
      await story.run('restart');
      await story.run('finish', { guest: next, tags: done });
      return { story, volid, newer: (await story.read()).config?.disks[slot]?.volid ?? '' };
    }

    it.each([true, false])('runs it after a restart and keeps the newer one, when it runs: %s', async (runs) => {
      const { story, volid, newer } = await replaced();
      if (!runs) await story.run('stop');
      const { config } = await story.read();
      await story.run('swap', { tags: pending, volid });
      await story.run('restart');
      await story.run('start');
      const after = await story.read();
      expect(after).toMatchObject({ status: 'running', tags: ['proxnix', 'proxnix-pending'], config: { pending: [] } });
      expect(after.config?.uuid).toBe(config?.uuid);
      expect(after.config?.disks[slot]?.volid).toBe(volid);
      expect(Object.values(after.config?.unused ?? {})).toEqual([newer]);
      // And forth again: a guest may go to any of its disks.
      await story.run('swap', { tags: pending, volid: newer });
      await story.run('restart');
      expect((await story.read()).config?.disks[slot]?.volid).toBe(newer);
    });

    it('is not written to a second time, before or after the restart', async () => {
      const { story, volid } = await replaced();
      await story.run('swap', { tags: pending, volid });
      const { precondition } = story;
      expect(await story.run('swap', { tags: pending, volid })).toEqual(precondition);
      await story.run('restart');
      const restarted = story.precondition;
      expect(await story.run('swap', { tags: pending, volid })).toEqual(restarted);
    });

    it('is left alone when it does not have that disk', async () => {
      const { story, volid } = await replaced();
      const before = await story.read();
      await expect(story.run('swap', { tags: pending, volid: `${volid}-gone` })).rejects.toThrow(
        `is not with ${label}`,
      );
      expect(await story.read()).toEqual(before);
    });

    it('loses a disk that is freed, for good, and never the one it runs', async () => {
      const { story, volid, newer } = await replaced();
      await expect(story.run('free', { volids: [volid, newer] })).rejects.toThrow(`is in use by ${label}`);
      expect(Object.values((await story.read()).config?.unused ?? {})).toEqual([volid]);
      await story.run('free', { volids: [volid] });
      const after = await story.read();
      expect(after).toMatchObject({ status: 'running', config: { unused: {}, pending: [] } });
      expect(after.config?.disks[slot]?.volid).toBe(newer);
      const { precondition } = story;
      expect(await story.run('free', { volids: [volid] })).toEqual(precondition);
      await expect(story.run('swap', { tags: pending, volid })).rejects.toThrow(`is not with ${label}`);
    });

    it('keeps its unused disks when it is protected', async () => {
      const { story, volid } = await replaced();
      await story.world.edit(823, { protected: true });
      await story.look();
      await expect(story.run('free', { volids: [volid] })).rejects.toThrow(/protection mode enabled/);
      expect(Object.values((await story.read()).config?.unused ?? {})).toEqual([volid]);
    });
  });

  describe(`${name}: a guest with data disks`, () => {
    const place = isVm ? 'scsi1' : '/data';
    const dataSlot = isVm ? 'scsi1' : 'mp0';
    const withData = (change: Partial<DataDisk> = {}, more: CommonChange = {}): DesiredGuest => {
      const disks = { data: { at: place, sizeGb: 1, storage: 'fast', ...change } };
      return isVm ? aGuest({ ...more, disks }) : aContainer({ ...more, mounts: disks });
    };
    const disk = (guest: LiveGuest, at = dataSlot) => guest.config?.disks[at];

    it('gets each once, whether it runs or not, and never a second one', async () => {
      const story = await start();
      await story.make();
      await story.run('data-disks', { guest: withData() });
      const made = await story.read();
      expect(disk(made)).toMatchObject({ storage: 'fast', sizeMb: 1024, ...(isVm ? {} : { path: '/data' }) });
      expect(made).toMatchObject({ status: 'running', config: { unused: {}, pending: [] } });
      const { precondition } = story;
      expect(await story.run('data-disks', { guest: withData() })).toEqual(precondition);
      await story.run('stop');
      const both = { ...disksOf(withData()), more: { at: isVm ? 'virtio3' : '/more', sizeGb: 2, storage: 'slow' } };
      const guest = isVm ? aGuest({ disks: both }) : aContainer({ mounts: both });
      await story.run('data-disks', { guest });
      await story.run('data-disks', { guest });
      const after = await story.read();
      expect(disk(after)).toEqual(disk(made));
      expect(disk(after, isVm ? 'virtio3' : 'mp1')).toMatchObject({ storage: 'slow', sizeMb: 2048 });
      expect(after.config?.unused).toEqual({});
      expect([...diffGuest(guest, known(after))].filter(({ field }) => field !== 'tags')).toEqual([]);
    });

    it('keeps its content and its options while it grows, and is never made smaller', async () => {
      const story = await start();
      await story.make();
      await story.run('data-disks', { guest: withData({ backup: !isVm }) });
      const before = disk(await story.read());
      expect(before?.options).toEqual({ backup: !isVm });
      await story.run('data-disks', { guest: withData({ sizeGb: 3 }) });
      expect(disk(await story.read())).toEqual({ ...before, sizeMb: 3072 });
      await expect(story.run('data-disks', { guest: withData({ sizeGb: 2 }) })).rejects.toThrow(
        'more than its size_gb',
      );
      expect(disk(await story.read())).toEqual({ ...before, sizeMb: 3072 });
    });

    it.runIf(isVm)('moves to another storage while it runs', async () => {
      const story = await start();
      await story.make();
      await story.run('data-disks', { guest: withData({ discard: true }) });
      await story.run('data-disks', { guest: withData({ storage: 'slow', sizeGb: 2 }) });
      expect(disk(await story.read())).toMatchObject({ storage: 'slow', sizeMb: 2048, options: { discard: true } });
      expect((await story.read()).config?.unused).toEqual({});
    });

    it('keeps the volume when it is taken out, and gets it back with its options', async () => {
      const story = await start();
      await story.make();
      const guest = withData({ backup: !isVm });
      await story.run('data-disks', { guest });
      await story.run('stop');
      const { config } = await story.read();
      await story.run('data-disks', { guest: a(), detach: [place] });
      const out = await story.read();
      expect(disk(out)).toBeUndefined();
      expect(Object.values(out.config?.unused ?? {})).toEqual([config?.disks[dataSlot]?.volid]);
      const { precondition } = story;
      expect(await story.run('data-disks', { guest: a(), detach: [place] })).toEqual(precondition);
      const { [slot]: _, ...disks } = config?.disks ?? {};
      await story.run('restore-disks', { disks });
      const back = await story.read();
      expect(back.config?.disks).toEqual(config?.disks);
      expect(back.config?.unused).toEqual({});
      const restored = story.precondition;
      expect(await story.run('restore-disks', { disks })).toEqual(restored);
    });

    it("comes back with its data to its place, and is not taken for another guest's", async () => {
      const story = await start();
      await story.make();
      await story.run('data-disks', { guest: withData() });
      const volid = disk(await story.read())?.volid ?? '';
      await story.run('stop');
      await story.run('data-disks', { guest: a(), detach: [place] });
      const attach = { [place]: volid };
      await story.run('data-disks', { guest: withData({ sizeGb: 2, backup: !isVm }), attach });
      const back = await story.read();
      expect(disk(back)).toMatchObject({ volid, sizeMb: 2048, options: { backup: !isVm } });
      expect(back.config?.unused).toEqual({});
      const { precondition } = story;
      expect(await story.run('data-disks', { guest: withData({ sizeGb: 2 }), attach })).toEqual(precondition);
    });

    it('never loses its root that way', async () => {
      const story = await start();
      await story.make();
      const before = await story.read();
      await story.run('data-disks', { guest: a(), detach: [slot, isVm ? 'scsi7' : '/'] });
      expect(await story.read()).toEqual(before);
    });

    it('keeps them when it gets a new root disk, and the old one back', async () => {
      const story = await start();
      const root = (await story.make()).config?.disks[slot]?.volid ?? '';
      await story.run('data-disks', { guest: withData() });
      const before = disk(await story.read());
      await story.upload('b');
      const next = withData({}, { image: image('b'), diskGb: 3 });
      for (const step of ['prepare', 'attach'] as const) await story.run(step, { guest: next });
      await story.run('swap', { guest: next, tags: pending });
      await story.run('restart');
      expect(disk(await story.read())).toEqual(before);
      await story.run('rollback', { guest: next, volid: root });
      await story.run('start');
      expect(disk(await story.read())).toEqual(before);
    });
  });

  describe.runIf(isVm)(`${name}: the firmware of a VM`, () => {
    const uefi = aGuest({ bios: 'ovmf', machine: 'q35', tpm: true });

    it('has its disks beside the root from the beginning, each once', async () => {
      const story = await start();
      await story.make(uefi);
      const made = await story.read();
      expect(made.config).toMatchObject({
        ...{ bios: 'ovmf', machine: 'q35', tpm: true, unused: {}, boot: ['scsi0'] },
        firmware: { efi: { storage: 'fast' }, tpm: { storage: 'fast' } },
      });
      expect(Object.keys(made.config?.disks ?? {})).toEqual(['scsi0']);
      await story.run('configure', { guest: uefi, tags: done });
      expect(await story.read()).toEqual(made);
      expect([...diffGuest(uefi, known(made))].filter(({ field }) => field !== 'tags')).toEqual([]);
    });

    it('comes with a restart to a VM that was made without', async () => {
      const story = await start();
      await story.make();
      await story.run('configure', { guest: uefi, tags: pending });
      await story.run('restart');
      const after = await story.read();
      expect(after.config).toMatchObject({ bios: 'ovmf', machine: 'q35', tpm: true, pending: [] });
      expect(after.config).toMatchObject({ firmware: { efi: { storage: 'fast' }, tpm: { storage: 'fast' } } });
      expect([...diffGuest(uefi, known(after))].filter(({ field }) => field !== 'tags')).toEqual([]);
    });

    it('goes with its root to another storage, and stays where a person put it beside', async () => {
      const story = await start();
      await story.make(uefi);
      const guest = { ...uefi, storage: 'slow' };
      await story.run('move-firmware', { guest });
      await story.run('move-disk', { guest });
      await story.run('start');
      const moved = await story.read();
      expect(moved).toMatchObject({ status: 'running', config: { unused: {}, pending: [] } });
      expect(moved.config).toMatchObject({ firmware: { efi: { storage: 'slow' }, tpm: { storage: 'slow' } } });
      expect(moved.config?.disks['scsi0']?.storage).toBe('slow');
      const { precondition } = story;
      expect(await story.run('move-firmware', { guest })).toEqual(precondition);
      // The root of this guest would be elsewhere, and nobody names its firmware.
      expect(await story.run('move-firmware', { guest: aGuest() })).not.toEqual(precondition);
      await story.run('move-firmware', { guest: aGuest() });
      expect((await story.read()).config).toMatchObject({ firmware: { efi: { storage: 'fast' } } });
      expect(await story.run('move-firmware', { guest: aGuest({ storage: 'local' }) })).toEqual(story.precondition);
    });

    it('keeps its disks over a new root disk', async () => {
      const story = await start();
      await story.make(uefi);
      const before = await story.read();
      await story.upload('b');
      const next = { ...uefi, image: image('b') };
      for (const step of ['prepare', 'attach'] as const) await story.run(step, { guest: next });
      await story.run('swap', { guest: next, tags: pending });
      await story.run('restart');
      const firmware = before.config !== undefined && 'firmware' in before.config ? before.config.firmware : undefined;
      expect((await story.read()).config).toMatchObject({ firmware: firmware ?? {} });
    });

    it('keeps the state of a TPM that is taken away as an unused volume', async () => {
      const story = await start();
      await story.make(uefi);
      await story.run('stop');
      await story.run('configure', { guest: { ...uefi, tpm: false }, tags: pending });
      const { config } = await story.read();
      expect(config).toMatchObject({ tpm: false });
      expect(Object.values(config?.unused ?? {})).toHaveLength(1);
    });
  });

  describe(`${name}: a guest that goes`, () => {
    it('is stopped and deleted; asked again it counts as done', async () => {
      const story = await start();
      await story.make();
      const precondition = story.precondition;
      expect(await story.run('destroy')).toBeUndefined();
      expect(await story.find()).toBeUndefined();
      story.precondition = precondition;
      expect(await story.run('destroy')).toBeUndefined();
    });

    it('stays when it is protected', async () => {
      const story = await start();
      await story.make(a({ protected: true }));
      await expect(story.run('destroy')).rejects.toThrow(`${label} is protected`);
      expect((await story.read()).status).toBe('running');
    });

    it('is discarded when it is half made: before its disk and with it', async () => {
      const story = await start();
      await story.upload('a');
      await story.run('create', { tags: pending });
      expect(await story.run('discard', { staging: false })).toBeUndefined();
      expect(await story.find()).toBeUndefined();
      await story.run('create', { tags: pending });
      await story.run(isVm ? 'import' : 'start');
      expect(await story.run('discard', { staging: false })).toBeUndefined();
      expect(await story.find()).toBeUndefined();
    });

    it('is not discarded once it was done, not even while it is changed or replaced', async () => {
      const story = await start();
      await story.make();
      await expect(story.run('discard', { staging: false })).rejects.toThrow('is not incomplete');
      await story.run('configure', { tags: updatingTags(done.split(';')) });
      await expect(story.run('discard', { staging: false })).rejects.toThrow('is not incomplete');
      await story.upload('b');
      const guest = a({ image: image('b') });
      for (const step of ['prepare', 'attach'] as const) await story.run(step, { guest });
      await story.run('configure', { guest, tags: pending });
      await expect(story.run('discard', { staging: false })).rejects.toThrow('is not incomplete');
      for (const step of ['swap', 'restart'] as const) await story.run(step, { guest, tags: pending });
      await expect(story.run('discard', { staging: false })).rejects.toThrow('is not incomplete');
      expect((await story.read()).status).toBe('running');
    });
  });

  describe(`${name}: a guest that is taken over`, () => {
    const tags = `prod;${done}`;
    const foreign = async () => {
      const story = await start();
      await story.make();
      await story.world.edit(823, { tags: 'prod' });
      await story.look();
      return story;
    };

    it('gets its tags and nothing else, and goes on running', async () => {
      const story = await foreign();
      const before = await story.read([823]);
      const tasks = story.tasks.length;
      await story.run('adopt', { tags });
      const after = await story.read();
      expect(after.tags.join(';')).toBe(`commit-${'1'.repeat(40)};nix-${'a'.repeat(32)};prod;proxnix`);
      expect({ ...after, tags: [], config: { ...after.config, digest: '' } }).toEqual({
        ...{ ...before, tags: [] },
        config: { ...before.config, digest: '' },
      });
      expect(story.tasks).toHaveLength(tasks);
      await story.run('configure', { guest: a({ description: 'ours now' }), tags });
      expect((await story.read()).config?.description).toBe('ours now');
    });

    it('is not written to when it carries them already', async () => {
      const story = await foreign();
      const precondition = story.precondition;
      expect(await story.run('adopt', { tags: 'proxnix;prod' })).not.toEqual(precondition);
      expect(await story.run('adopt', { tags: 'prod;proxnix' })).toEqual(story.precondition);
    });

    it('stays as it is when it was changed, or made anew, since the plan', async () => {
      const story = await foreign();
      const precondition = story.precondition;
      await story.world.edit(823, { memoryMb: 1024 });
      await expect(story.run('adopt', { tags })).rejects.toThrow('was changed by somebody else');
      await story.world.recreate(823);
      await expect(story.run('adopt', { tags })).rejects.toThrow('is another machine than planned');
      expect(story.precondition).toBe(precondition);
      expect((await story.read([823])).tags).toEqual(['prod']);
      await story.world.remove(823);
      await expect(story.run('adopt', { tags })).rejects.toThrow(`${label} is not on pve1 any more`);
    });

    it('stays as it is when it is protected', async () => {
      const story = await foreign();
      await story.world.edit(823, { protected: true });
      await story.look();
      await expect(story.run('adopt', { tags })).rejects.toThrow(
        `${label} is protected in Proxmox: it is not taken over`,
      );
      expect((await story.read([823])).tags).toEqual(['prod']);
    });
  });

  describe(`${name}: between the plan and the write`, () => {
    const moves: readonly (readonly [string, RegExp, (world: World) => Promise<void>])[] = [
      ['its memory was changed', /was changed by somebody else/, (world) => world.edit(823, { memoryMb: 1024 })],
      ['its tag was removed', /does not carry the tag "proxnix"/, (world) => world.edit(823, { tags: 'prod' })],
      ['it was made anew under its VMID', /is another machine than planned/, (world) => world.recreate(823)],
    ];
    const writes: readonly StepSpec['kind'][] = [
      'import',
      'resize',
      'start',
      'stop',
      'configure',
      'move-disk',
      'restart',
      'prepare',
      'attach',
      'swap',
      'rollback',
      'free',
      'finish',
      'destroy',
      'discard',
    ];

    it.each(moves)('nothing is done to a guest when %s', async (_, words, move) => {
      const story = await start();
      await story.make();
      await story.upload('b');
      await move(story.world);
      const before = await story.read([823]);
      for (const write of writes) {
        const guest = a({ image: image('b'), memoryMb: 8192, storage: 'slow', diskGb: 9 });
        await expect(story.run(write, { guest, tags: pending, staging: false, volids: [] }), write).rejects.toThrow(
          words,
        );
      }
      expect(await story.read([823])).toEqual(before);
      expect((await story.world.cluster.readState(new Set())).guests.length).toBeLessThanOrEqual(1);
    });

    it.each(moves)('nor between two steps when %s', async (_, words, move) => {
      const story = await start();
      await story.make();
      await story.upload('b');
      const guest = a({ image: image('b') });
      await story.run('prepare', { guest });
      await move(story.world);
      const before = await story.read([823]);
      await expect(story.run('attach', { guest })).rejects.toThrow(words);
      expect(await story.read([823])).toEqual(before);
    });

    it('a guest that is gone is not made again', async () => {
      const story = await start();
      await story.make();
      await story.world.remove(823);
      await expect(story.run('configure', { tags: pending })).rejects.toThrow(`${label} is not on pve1 any more`);
      expect(await story.find()).toBeUndefined();
    });
  });

  describe(`${name}: a plan that is applied`, () => {
    const commit = { sha: '2'.repeat(40), subject: 'x', author: 'x', at: 0 };
    const planFor = async ({ world }: Story, guests: readonly DesiredGuest[], more: Partial<Goal> = {}) => {
      const live = await world.cluster.readState(new Set([823]));
      return createPlan({ fleet: 'homelab', commit, guests, ...more }, live);
    };
    const apply = async (story: Story, plan: Plan, letter: string) => {
      if ((await story.find([823])) !== undefined) await story.look();
      const kinds = planSteps(plan).map((step) => step.kind);
      for (const step of planSteps(plan)) {
        if (step.kind === 'upload') await story.upload(letter);
        else if (step.kind !== 'build' && step.kind !== 'health') await story.perform(step);
      }
      return kinds;
    };

    it('leaves nothing to plan: a new guest, an update, another image, a removal', async () => {
      const story = await start();
      const ways: readonly (readonly [string, DesiredGuest, string])[] = [
        ['create', a({ protected: false }), 'a'],
        ['update', { ...a({ name: 'web', description: '', onboot: false, memoryMb: 1024, cores: 1, diskGb: 4 }) }, 'a'],
        ['update', isVm ? aGuest({ sockets: 2 }) : aContainer({ features: [], ip: '10.0.0.5/24', swapMb: 0 }), 'a'],
        ['replace', a({ image: image('b'), diskGb: 5, storage: 'slow', memoryMb: 3072 }), 'b'],
      ];
      for (const [action, guest, letter] of ways) {
        const wanted = { ...guest, diskGb: Math.max(guest.diskGb, action === 'create' ? 2 : 4) };
        const plan = await planFor(story, [wanted]);
        expect(plan.changes).toMatchObject([{ action }]);
        expect(plan.changes[0]?.blocked).toBeUndefined();
        await apply(story, plan, letter);
        expect((await planFor(story, [wanted])).changes).toEqual([]);
      }
      expect((await story.read()).status).toBe('running');
      await apply(story, await planFor(story, []), 'a');
      expect((await planFor(story, [])).changes).toEqual([]);
      expect(await story.find()).toBeUndefined();
    });

    it.runIf(isVm).each(['running', 'stopped'] as const)(
      'leaves nothing to plan after each change of hardware of a VM that is %s',
      async (status) => {
        const story = await start();
        await apply(story, await planFor(story, [aGuest()]), 'a');
        const ways: readonly (readonly [DesiredGuest, string])[] = [
          [aGuest({ cloudInit: { storage: 'fast' } }), 'cloud-init'],
          [aGuest({ cloudInit: { storage: 'slow' } }), 'cloud-init'],
          [aGuest(), 'cloud-init'],
          [aGuest({ bridge: 'vmbr1' }), 'bridge'],
          [aGuest({ bridge: 'vmbr1', scsiHw: 'virtio-scsi-single' }), 'scsi-hw'],
          [aGuest({ bridge: 'vmbr1', scsiHw: 'virtio-scsi-single', storage: 'slow' }), 'storage'],
          [aGuest(), 'bridge'],
        ];
        for (const [wanted, field] of ways) {
          await story.look();
          if (status === 'stopped') await story.run('stop');
          const plan = await planFor(story, [wanted]);
          expect(plan.changes).toMatchObject([{ action: 'update' }]);
          expect(plan.changes.flatMap((change) => ('fields' in change ? change.fields : []))).toContainEqual(
            expect.objectContaining({ field }),
          );
          await apply(story, plan, 'a');
          expect((await planFor(story, [wanted])).changes, `${field} of ${JSON.stringify(wanted)}`).toEqual([]);
        }
        expect((await story.read()).status).toBe(status);
      },
    );

    it('cleans up what an interrupted replacement left', async () => {
      const story = await start();
      await apply(story, await planFor(story, [a()]), 'a');
      await story.upload('b');
      await story.look();
      await story.run('prepare', { guest: a({ image: image('b') }) });
      const plan = await planFor(story, [a()]);
      expect(plan.changes).toMatchObject([{ action: 'clean-up', ownerVmid: 823 }]);
      expect(await apply(story, plan, 'a')).toEqual(['discard']);
      expect((await planFor(story, [a()])).changes).toEqual([]);
    });

    it('brings a kept root back, with what it holds told by its tags', async () => {
      const story = await start();
      await apply(story, await planFor(story, [a()]), 'a');
      const { config } = await story.read();
      const { volid = '', sizeMb = 0 } = config?.disks[slot] ?? {};
      await apply(story, await planFor(story, [a({ image: image('b') })]), 'b');
      const held = { imageHash: 'a'.repeat(32), commit: '4d0c8e17'.repeat(5) };
      const disk = { vmid: 823, uuid: config?.uuid ?? '', volid, sizeMb, since: 0, ...held };
      const plan = await planFor(story, [a({ image: image('b') })], { rollback: { vmid: 823, retained: [disk] } });
      expect(plan.changes).toMatchObject([{ action: 'rollback' }]);
      await apply(story, plan, 'b');
      expect((await story.read()).config?.disks[slot]?.volid).toBe(volid);
      expect((await planFor(story, [a()])).changes).toEqual([]);
    });
  });

  describe(`${name}: what is told while it works`, () => {
    it('the UPID of every task comes at once and can be settled later', async () => {
      const story = await start();
      await story.make();
      expect(story.tasks.length).toBeGreaterThanOrEqual(isVm ? 4 : 3);
      for (const upid of story.tasks) expect(upid).toMatch(/^UPID:pve1:/);
      expect(await story.world.cluster.settle(story.tasks.at(-1) ?? '')).toEqual({ ok: true, text: 'OK' });
      expect(
        await story.world.cluster.settle('UPID:pve1:7FFFFFFF:00000000:00000000:qmstart:1:x@pve!y:'),
      ).toBeUndefined();
    });

    it('a start of a guest that runs already begins no task', async () => {
      const story = await start();
      await story.make();
      const before = story.tasks.length;
      await story.run('start');
      expect(story.tasks).toHaveLength(before);
      await story.run('stop');
      await story.run('start');
      expect(story.tasks).toHaveLength(before + 2);
      expect((await story.read()).config?.uuid).toBe(story.precondition?.uuid);
    });

    it('an upload tells its bytes and sends nothing the second time', async () => {
      const story = await start();
      await story.upload('a');
      const { size } = story.world.imageFile('a', kind);
      expect(story.sent.at(-1)).toEqual([size, size, 'bytes']);
      expect(story.tasks).toHaveLength(1);
      await story.upload('a');
      expect(story.tasks).toHaveLength(1);
    });

    it('tells what others did to a guest, and nothing of what the bot did', async () => {
      const story = await start();
      await story.make();
      expect(await story.world.cluster.tasksOf(at, 0)).toEqual([]);
      await story.world.stop(823);
      const [task, ...more] = await story.world.cluster.tasksOf(at, 0);
      expect(task).toEqual({
        did: 'stopped',
        who: expect.stringMatching(/^admin@pve/),
        at: expect.any(Number),
        power: true,
      });
      expect(more).toEqual([]);
      expect(await story.world.cluster.tasksOf(at, (task?.at ?? 0) + 1000)).toEqual([]);
      expect(await story.world.cluster.tasksOf({ ...at, vmid: 999 }, 0)).toEqual([]);
    });

    it('an address is told only where there is one, and never with an error', async () => {
      const story = await start();
      await story.make();
      // A guest that was just started has no agent yet.
      await vi.waitFor(async () => expect(await story.world.cluster.address(at)).toMatch(/^\d+(\.\d+){3}$/), 5000);
      await story.run('stop');
      expect(await story.world.cluster.address(at)).toBeUndefined();
      expect(await story.world.cluster.address({ ...at, vmid: 999 })).toBeUndefined();
    });
  });
}

/** What the fields of a step are, where they are not as usual. */
interface StepFacts {
  readonly guest?: DesiredGuest;
  readonly tags?: string;
  readonly staging?: boolean;
  readonly volid?: string;
  readonly volids?: readonly string[];
  readonly detach?: readonly string[];
  readonly attach?: Readonly<Record<string, string>>;
  readonly disks?: Readonly<Record<string, LiveDisk>>;
  readonly storage?: string;
  readonly notes?: string;
}

function disksOf(guest: DesiredGuest): Readonly<Record<string, DataDisk>> {
  return (guest.kind === 'vm' ? guest.disks : guest.mounts) ?? {};
}

function known(guest: LiveGuest): KnownGuest {
  if (!hasConfig(guest)) throw new Error('the guest was not read');
  return guest;
}

/** One guest's steps in order, each with the precondition of the one before. */
export class Story {
  readonly world: World;
  readonly kind: GuestKind;
  precondition: Precondition | undefined;
  readonly tasks: string[] = [];
  readonly lines: string[] = [];
  readonly sent: (readonly [number, number, string])[] = [];
  readonly monitor: ClusterMonitor = {
    task: (upid) => void this.tasks.push(upid),
    progress: (...progress) => void this.sent.push(progress),
    line: (text) => void this.lines.push(text),
  };

  constructor(world: World, kind: GuestKind = 'vm') {
    this.world = world;
    this.kind = kind;
  }

  async upload(letter: string): Promise<void> {
    await this.world.cluster.upload(this.world.imageFile(letter, this.kind), 'pve1', this.monitor);
  }

  async run(kind: StepSpec['kind'], facts: StepFacts = {}): Promise<Precondition | undefined> {
    const { guest = this.#guest(), tags = '', staging = false, detach = [], attach = {}, ...more } = facts;
    const at = { guestKind: guest.kind, vmid: 823, node: 'pve1' };
    const step = { ...at, kind, guest, tags, staging, detach, attach, ...more } satisfies Record<string, unknown>;
    return this.perform(step as StepSpec);
  }

  async perform(step: StepSpec): Promise<Precondition | undefined> {
    const precondition = step.kind === 'create' ? undefined : this.precondition;
    const next = await this.world.cluster.perform(step, precondition, this.monitor);
    this.precondition = next;
    return next;
  }

  /** Takes the guest as it is now for what it was when the plan was made. */
  async look(): Promise<void> {
    const { kind, config, node } = await this.read([823]);
    this.precondition = { guestKind: kind, vmid: 823, node, uuid: config?.uuid ?? '', digest: config?.digest ?? '' };
  }

  /** The whole way of a new guest, to the end. */
  async make(guest: DesiredGuest = this.#guest()): Promise<LiveGuest> {
    await this.upload('a');
    await this.run('create', { guest, tags: pending });
    if (guest.kind === 'vm') for (const kind of ['import', 'resize'] as const) await this.run(kind, { guest });
    if (dataDisksOf(guest).length > 0) await this.run('data-disks', { guest });
    await this.run('start', { guest });
    await this.run('finish', { guest, tags: done });
    return this.read();
  }

  async find(wanted: readonly number[] = []): Promise<LiveGuest | undefined> {
    const { guests } = await this.world.cluster.readState(new Set(wanted));
    return guests.find((guest) => guest.vmid === 823);
  }

  async read(wanted: readonly number[] = []): Promise<LiveGuest> {
    const guest = await this.find(wanted);
    if (guest?.kind !== this.kind) throw new Error(`no ${this.kind} 823 is there`);
    return guest;
  }

  #guest(): DesiredGuest {
    return this.kind === 'vm' ? aGuest() : aContainer();
  }
}
