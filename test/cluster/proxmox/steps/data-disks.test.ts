import { describe, expect, it, onTestFinished } from 'vitest';
import type { DataDisk } from '../../../../src/core/data-disks.ts';
import type { DesiredGuest, GuestKind } from '../../../../src/core/guest.ts';
import type { Seed } from '../../../../src/simulator/simulator.ts';
import { Story } from '../../../contracts/cluster.ts';
import { anImage } from '../../../support/builders.ts';
import { aContainer, aGuest } from '../a-guest.ts';
import { LossyProxy } from '../lossy-proxy.ts';
import { openSimulated, seed, seed8 } from '../on-simulator.ts';

const pending = 'proxnix;proxnix-pending';
const put = (kind: GuestKind) => ({
  method: 'PUT',
  path: new RegExp(`/${kind === 'vm' ? 'qemu' : 'lxc'}/823/config$`),
});

function withData(kind: GuestKind, change: Partial<DataDisk> = {}, more: object = {}): DesiredGuest {
  const disk = { sizeGb: 1, storage: 'fast', ...change };
  return kind === 'vm'
    ? aGuest({ disks: { data: { at: 'scsi1', ...disk } }, ...more })
    : aContainer({ mounts: { data: { at: '/data', ...disk } }, ...more });
}

async function start(kind: GuestKind, options: { seed?: Seed; more?: object } = {}) {
  const proxies: LossyProxy[] = [];
  const world = await openSimulated(options.seed ?? seed(), async (url) => {
    const made = new LossyProxy(url);
    proxies.push(made);
    return made.listen();
  });
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no proxy was made');
  onTestFinished(async () => {
    await world.close();
    proxy.close();
  });
  const story = new Story(world, kind);
  await story.make(kind === 'vm' ? aGuest(options.more) : aContainer(options.more));
  const path = `/nodes/pve1/${kind === 'vm' ? 'qemu' : 'lxc'}/823`;
  const slot = kind === 'vm' ? 'scsi1' : 'mp0';
  /** The volumes of the guest's number, each with its content. */
  const volumes = () =>
    new Map(world.simulator.volumes().flatMap((one) => (one.vmid === 823 ? [[one.volid, one.mark]] : [])));
  const config = () => world.simulator.guest(823)?.config ?? {};
  const volid = (key = slot) => String(config()[key]).split(',')[0] ?? '';
  return { world, proxy, story, path, slot, volumes, config, volid };
}

describe.each(['vm', 'container'] as const)('a data disk of a %s', (kind) => {
  it('is made once when the answer to its write is lost', async () => {
    const { proxy, story, volumes, config, slot } = await start(kind);
    proxy.lose({ ...put(kind), what: 'answer' });
    await story.run('data-disks', { guest: withData(kind) });
    expect(proxy.waiting).toBe(0);
    expect(volumes().size).toBe(2);
    expect(config()[slot]).toMatch(/^fast:.*size=1G/);
    expect(Object.keys(config()).filter((key) => key.startsWith('unused'))).toEqual([]);
  });

  it('is made once when its write is lost on the way', async () => {
    const { proxy, story, volumes } = await start(kind);
    proxy.lose({ ...put(kind), what: 'request' });
    await story.run('data-disks', { guest: withData(kind) });
    expect(volumes().size).toBe(2);
  });

  it('is not made over one that somebody puts there meanwhile', async () => {
    const { proxy, story, volumes, world, path, volid, slot } = await start(kind);
    const theirs = kind === 'vm' ? 'slow:2' : 'slow:2,mp=/theirs';
    const meanwhile = () => world.admin('PUT', `${path}/config`, { [slot]: theirs });
    proxy.lose({ ...put(kind), what: 'time', meanwhile });
    await expect(story.run('data-disks', { guest: withData(kind) })).rejects.toThrow(
      /checksum mismatch|detected modified/,
    );
    expect(volid()).toMatch(/^slow:/);
    expect(volumes().size).toBe(2);
  });

  it('keeps every byte when it grows, is taken out with a lost answer, and comes back', async () => {
    const { proxy, story, volumes, volid, config, slot } = await start(kind);
    await story.run('data-disks', { guest: withData(kind) });
    const [file, mark] = [volid(), volumes().get(volid())];
    expect(mark).toBeDefined();
    proxy.lose({ method: 'PUT', path: /823\/resize$/, what: 'answer' });
    await story.run('data-disks', { guest: withData(kind, { sizeGb: 2 }) });
    const { config: before } = await story.read();
    await story.run('stop');
    proxy.lose({ ...put(kind), what: 'answer' });
    await story.run('data-disks', { detach: [kind === 'vm' ? 'scsi1' : '/data'] });
    expect(config()[slot]).toBeUndefined();
    const disk = before?.disks[slot];
    await story.run('restore-disks', { disks: disk === undefined ? {} : { [slot]: disk } });
    expect(volid()).toBe(file);
    expect(volumes().get(file)).toBe(mark);
    expect((await story.read()).config?.disks[slot]).toEqual(before?.disks[slot]);
  });

  it('is refused before anything is made where its storage holds no such disks', async () => {
    const { story, volumes, config } = await start(kind);
    const before = config();
    await expect(story.run('data-disks', { guest: withData(kind, { storage: 'local' }) })).rejects.toThrow(
      'The storage local on pve1 does not hold',
    );
    expect(volumes().size).toBe(1);
    expect(config()).toEqual(before);
  });

  it('is made on PVE 8.4 as well', async () => {
    const { story, volumes } = await start(kind, { seed: seed8() });
    await story.run('data-disks', { guest: withData(kind, { backup: true }) });
    expect(volumes().size).toBe(2);
  });
});

describe('a data disk of a VM that runs', () => {
  it('stays with a guest that does not let go of it until the restart, is told so, and is not deleted twice', async () => {
    const { proxy, story, volumes, volid, path } = await start('vm', {
      more: { scsiHw: 'virtio-scsi-single', name: 'deaf-web' },
    });
    await story.run('data-disks', { guest: withData('vm') });
    const file = volid();
    const guest = aGuest({ scsiHw: 'virtio-scsi-single', name: 'deaf-web' });
    await story.run('data-disks', { guest, detach: ['scsi1'] });
    expect(story.lines.at(-1)).toBe('scsi1 stays with the running guest until its restart: it was not let go');
    const { config } = await story.read();
    expect(config?.disks['scsi1']).toBeUndefined();
    expect(config?.leaving?.['scsi1']?.volid).toBe(file);
    // A second deletion would pull it out of the guest at once.
    const sent = proxy.writes.length;
    await story.run('data-disks', { guest, detach: ['scsi1'] });
    expect(proxy.writes.slice(sent)).toEqual([]);
    await story.run('data-disks', {
      guest: { ...guest, disks: { data: { at: 'scsi1', sizeGb: 1, storage: 'fast' } } },
    });
    expect((await story.read()).config).toMatchObject({ disks: { scsi1: { volid: file } }, pending: [] });
    expect(proxy.writes.slice(sent)).toEqual([`PUT ${path}/config`]);
    expect(volumes().size).toBe(2);
  });

  it('leaves the boot order in the same write, which stays with the root', async () => {
    const { story, world, path, config } = await start('vm');
    await story.run('data-disks', { guest: withData('vm') });
    await story.run('stop');
    await world.admin('PUT', `${path}/config`, { boot: 'order=scsi1;scsi0;net0' });
    await story.look();
    await story.run('data-disks', { detach: ['scsi1'] });
    expect(config()['boot']).toBe('order=scsi0;net0');
    expect(config()['scsi1']).toBeUndefined();
  });

  it('is not moved while a value of it waits for a restart: the VM would be down after it', async () => {
    const { story, world, path, volid, volumes } = await start('vm');
    await story.run('data-disks', { guest: withData('vm') });
    await world.admin('PUT', `${path}/config`, { scsi1: `${volid()},cache=unsafe` });
    await story.look();
    expect((await story.read()).config?.waiting).toEqual({ scsi1: ['cache'] });
    await expect(story.run('data-disks', { guest: withData('vm', { storage: 'slow' }) })).rejects.toThrow(
      'scsi1 of VM 823 has a change that waits for a restart',
    );
    await world.admin('PUT', `${path}/config`, { scsi0: `${volid('scsi0')},cache=unsafe` });
    await story.look();
    await expect(story.run('move-disk', { guest: aGuest({ storage: 'slow' }) })).rejects.toThrow(
      'scsi0 of VM 823 has a change that waits for a restart',
    );
    expect([...volumes().keys()].filter((one) => one.startsWith('slow:'))).toEqual([]);
    await story.run('restart');
    await story.run('data-disks', { guest: withData('vm', { storage: 'slow' }) });
    expect(volid()).toMatch(/^slow:/);
  });

  it('is not put over a CD', async () => {
    const { story, world, path, config } = await start('vm');
    await world.admin('PUT', `${path}/config`, { scsi1: 'none,media=cdrom' });
    await story.look();
    expect((await story.read()).config).toMatchObject({ cds: ['scsi1'] });
    await expect(story.run('data-disks', { guest: withData('vm') })).rejects.toThrow(
      'scsi1 of VM 823 holds something else',
    );
    expect(config()['scsi1']).toBe('none,media=cdrom');
  });

  it('gets its options with a restart where it needs one, and keeps those that nobody names', async () => {
    const { story, world, path, config } = await start('vm');
    await world.admin('PUT', `${path}/config`, { scsi1: 'fast:1,serial=data0,aio=native,ssd=1' });
    await story.look();
    const guest = withData('vm', { cache: 'writeback', backup: false });
    await story.run('data-disks', { guest });
    expect((await story.read()).config?.waiting).toEqual({ scsi1: ['cache', 'backup'] });
    await story.run('restart');
    expect(config()['scsi1']).toMatch(/,aio=native,backup=0,cache=writeback,serial=data0,size=1G,ssd=1$/);
    const { scsi1 } = (await story.read()).config?.disks ?? {};
    expect(scsi1).toMatchObject({
      options: { ssd: true, cache: 'writeback', backup: false },
      others: 'aio=native,serial=data0',
    });
    await story.run('stop');
    await story.run('data-disks', { detach: ['scsi1'] });
    await story.run('restore-disks', { disks: scsi1 === undefined ? {} : { scsi1 } });
    expect(config()['scsi1']).toMatch(/,aio=native,backup=0,cache=writeback,serial=data0,size=1G,ssd=1$/);
  });

  it('on SATA waits for the restart', async () => {
    const { story, volumes } = await start('vm');
    const guest = withData('vm', { at: 'sata1' });
    await story.run('data-disks', { guest });
    await story.run('data-disks', { guest });
    expect((await story.read()).config?.waiting).toEqual({ sata1: ['volume'] });
    await story.run('restart');
    expect((await story.read()).config).toMatchObject({ disks: { sata1: { sizeMb: 1024 } }, unused: {} });
    expect(volumes().size).toBe(2);
  });
});

describe('a mount of a container that runs', () => {
  it('that waits to be taken out is still named after the restart that swaps the root', async () => {
    const { story, volid, config, world } = await start('container');
    await story.run('data-disks', { guest: withData('container') });
    const [root, data] = [volid('rootfs'), volid()];
    await story.run('data-disks', { detach: ['/data'] });
    expect((await story.read()).config?.leaving?.['mp0']?.volid).toBe(data);
    await story.upload('b');
    const next = aContainer({ image: anImage('b', 'container') });
    for (const step of ['prepare', 'attach'] as const) await story.run(step, { guest: next });
    await story.run('swap', { guest: next, tags: pending });
    await story.run('restart');
    const unused = Object.entries(config()).flatMap(([key, value]) => (key.startsWith('unused') ? [value] : []));
    expect(new Set(unused)).toEqual(new Set([root, data]));
    expect(world.simulator.volumes().filter(({ vmid }) => vmid === 823)).toHaveLength(3);
  });
});

describe('the firmware of a VM', () => {
  const uefi = aGuest({ bios: 'ovmf', tpm: true });

  it('gets its disks once when the answer is lost', async () => {
    const { proxy, story, config, volumes } = await start('vm');
    await story.run('stop');
    proxy.lose({ ...put('vm'), what: 'answer' });
    await story.run('configure', { guest: uefi, tags: pending });
    await story.run('configure', { guest: uefi, tags: pending });
    expect(volumes().size).toBe(3);
    expect(config()['efidisk0']).toMatch(/efitype=4m,pre-enrolled-keys=0/);
    expect(config()['tpmstate0']).toMatch(/version=v2.0/);
  });

  it('keeps the TPM state that a person took away and the running guest still has', async () => {
    const { story, world, path, volid, volumes } = await start('vm', { more: { bios: 'ovmf', tpm: true } });
    const [state, mark] = [volid('tpmstate0'), volumes().get(volid('tpmstate0'))];
    await world.admin('PUT', `${path}/config`, { delete: 'tpmstate0' });
    await story.look();
    expect((await story.read()).config).toMatchObject({ tpm: false, pending: ['tpm'] });
    await story.run('configure', { guest: uefi, tags: pending });
    expect((await story.read()).config).toMatchObject({ tpm: true, pending: [], unused: {} });
    expect(volid('tpmstate0')).toBe(state);
    expect(volumes().get(state)).toBe(mark);
  });

  it('moves with its content, the VM shut down for the TPM only', async () => {
    const { story, volid, volumes, world } = await start('vm', { more: { bios: 'ovmf', tpm: true } });
    const marks = ['efidisk0', 'tpmstate0'].map((key) => volumes().get(volid(key)));
    await story.run('move-firmware', { guest: { ...uefi, storage: 'slow' } });
    expect(story.lines).toContain('the state of a TPM is moved only while its VM is stopped: the VM is shut down');
    expect(world.simulator.guest(823)?.startedAt).toBeUndefined();
    expect(['efidisk0', 'tpmstate0'].map((key) => volumes().get(volid(key)))).toEqual(marks);
    expect(volid('tpmstate0')).toMatch(/^slow:/);
  });
});

describe('the sizes of unused volumes', () => {
  it('are asked for where the guest is not wanted, and only when they are', async () => {
    const { story, world } = await start('vm');
    await story.run('data-disks', { guest: withData('vm', { sizeGb: 2, storage: 'slow' }) });
    await story.run('stop');
    await story.run('data-disks', { detach: ['scsi1'] });
    const read = async (wanted: readonly number[], sizes?: { readonly unused: true }) => {
      world.requests.length = 0;
      const { guests } = await world.cluster.readState(new Set(wanted), sizes);
      const asked = world.requests.filter((request) => request.endsWith('/content'));
      return { asked, sizes: Object.values(guests[0]?.config?.unusedMb ?? {}) };
    };
    expect(await read([])).toEqual({ asked: [], sizes: [] });
    expect(await read([823], { unused: true })).toEqual({ asked: [], sizes: [] });
    expect(await read([], { unused: true })).toMatchObject({
      asked: [expect.stringContaining('/nodes/pve1/storage/slow/content')],
      sizes: [2048],
    });
  });
});
