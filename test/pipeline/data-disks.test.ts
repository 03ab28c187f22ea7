import { describe, expect, it } from 'vitest';
import { owner } from '../support/pipeline.ts';
import { present } from './support/fleet.ts';
import { fleetOf, type Simulated, startSimulated } from './support/on-simulator.ts';

const kinds = ['vm', 'container'] as const;

/** The volume in a slot, and the mark of its content. */
function held({ config, simulator }: Simulated, slot: string) {
  const volid = String(config()[slot]).split(',')[0] ?? '';
  return { volid, mark: simulator.volumes().find((one) => one.volid === volid)?.mark };
}

function unused({ config }: Simulated): readonly string[] {
  return Object.entries(config()).flatMap(([key, value]) => (key.startsWith('unused') ? [String(value)] : []));
}

/** Plans again: nothing is left. */
async function expectInSync({ bench }: Simulated): Promise<void> {
  await bench.chat.command('/proxnix plan', owner);
  await bench.settle();
  bench.run('in-sync');
}

it('a VM with three disks, two networks, UEFI and a TPM lives its whole life with every byte of its data', async () => {
  const story = await startSimulated();
  const { bench, simulator, orphans, world } = story;
  const disks = {
    pgdata: { slot: 'scsi1', size_gb: 2, storage: 'fast', backup: true, discard: true },
    logs: { slot: 'virtio2', size_gb: 1, storage: 'slow', cache: 'writeback' },
  };
  const networks = [{ bridge: 'vmbr0' }, { bridge: 'vmbr1', vlan: 7 }];
  const wanted = (change: object = {}, image = 'website 1') => ({
    ...fleetOf('vm', { website: { bios: 'ovmf', machine: 'q35', tpm: true, disks, networks, ...change } }),
    images: { website: image },
  });
  const slots = ['scsi1', 'virtio2', 'efidisk0', 'tpmstate0'];
  const marks = () => [...slots.map((slot) => held(story, slot).mark), story.config()['net0'], story.config()['net1']];

  await story.deploy(1, wanted());
  const [root, before] = [held(story, 'scsi0'), marks()];
  expect(before.every((mark) => mark !== undefined)).toBe(true);
  expect(String(story.config()['boot'])).toMatch(/^order=scsi0/);
  await expectInSync(story);

  await story.deploy(2, wanted({}, 'website 2'));
  expect(held(story, 'scsi0').mark).not.toBe(root.mark);
  expect(marks()).toEqual(before);

  await bench.chat.command('/proxnix rollback test-website', owner);
  await bench.settle();
  await bench.apply();
  bench.run('applied');
  expect(held(story, 'scsi0')).toEqual(root);
  expect(marks()).toEqual(before);

  const grown = { disks: { ...disks, pgdata: { ...disks.pgdata, size_gb: 5 } } };
  await story.deploy(3, wanted(grown, 'website 1'));
  expect(story.config()['scsi1']).toMatch(/size=5G/);
  expect(marks()).toEqual(before);

  await story.deploy(4, wanted({ ...grown, storage_location: 'slow' }, 'website 1'));
  for (const slot of ['scsi0', 'efidisk0', 'tpmstate0']) expect(held(story, slot).volid).toMatch(/^slow:/);
  expect([story.runs(), marks(), held(story, 'scsi0').mark]).toEqual([true, before, root.mark]);
  await expectInSync(story);
  expect(orphans()).toEqual([]);

  // A fresh store and somebody who took the tag away: nothing but the tag is planned.
  await world.admin('PUT', '/nodes/pve1/qemu/823/config', { tags: 'prod' });
  for (const key of Object.keys(story.config()).filter((one) => one.startsWith('unused'))) {
    await world.admin('PUT', '/nodes/pve1/qemu/823/config', { delete: key });
  }
  const image = present(bench.run('in-sync').commit).sha;
  await bench.store.saveFleet('acme', { guests: [], retainedDisks: [], applied: image });
  await bench.chat.command('/proxnix adopt test-website', owner);
  await bench.settle();
  await bench.apply();
  bench.run('applied');
  expect(marks()).toEqual(before);
  await bench.chat.command('/proxnix plan', owner);
  await bench.settle();
  const [change] = bench.run('planned').plan.changes;
  // Its tags name no image any more.
  expect(change).toMatchObject({ action: 'replace' });
  expect('fields' in present(change) ? change : undefined).toMatchObject({ fields: [] });

  await story.bench.push(5, { ...fleetOf('vm', { other: { name: 'other', vm_id: 824 } }) });
  expect(bench.text()).toMatch(/scsi1 5 GiB on\s+fast/);
  await bench.apply();
  bench.run('applied');
  expect(simulator.volumes().filter(({ vmid }) => vmid === 823)).toEqual([]);
});

it('a VM that was shut down for the move of its TPM runs again after a bot that died there', async () => {
  const story = await startSimulated();
  const { bench } = story;
  const wanted = (storage: string) =>
    fleetOf('vm', { website: { bios: 'ovmf', tpm: true, storage_location: storage } });
  await story.deploy(1, wanted('fast'));
  const before = ['scsi0', 'efidisk0', 'tpmstate0'].map((slot) => held(story, slot).mark);
  await bench.push(2, wanted('slow'));
  story.beforeNext('move-disk', () => {
    bench.kill();
    return new Promise(() => undefined);
  });
  void bench.press('approve');
  await bench.life.ended;
  expect(story.runs()).toBe(false);
  expect(held(story, 'tpmstate0').volid).toMatch(/^slow:/);
  expect(held(story, 'scsi0').volid).toMatch(/^fast:/);
  await bench.restart();
  await bench.settle();
  if (bench.pipeline.runs().at(-1)?.phase !== 'planned') {
    await bench.chat.command('/proxnix plan', owner);
    await bench.settle();
  }
  await bench.apply();
  bench.run('applied');
  expect(story.runs()).toBe(true);
  for (const slot of ['scsi0', 'efidisk0', 'tpmstate0']) expect(held(story, slot).volid).toMatch(/^slow:/);
  expect(['scsi0', 'efidisk0', 'tpmstate0'].map((slot) => held(story, slot).mark)).toEqual(before);
  await expectInSync(story);
});

it('the state of a TPM comes back with its keys when the VM that lost it does not become healthy', async () => {
  const story = await startSimulated();
  const { bench } = story;
  const wanted = (tpm: boolean, image: string) => ({
    ...fleetOf('vm', { website: { bios: 'ovmf', tpm } }),
    images: { website: image },
  });
  await story.deploy(1, wanted(true, 'website 1'));
  const [state, text] = [held(story, 'tpmstate0'), story.config()['tpmstate0']];
  for (const [n, image] of [[2, 'website 1'] as const, [3, 'website 2'] as const]) {
    await bench.push(n, wanted(false, image));
    bench.health.script(823, 'ill', 'well');
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823 });
    expect([held(story, 'tpmstate0'), story.config()['tpmstate0'], story.runs()]).toEqual([state, text, true]);
    expect(story.simulator.guest(823)?.pending).toEqual({});
  }
  expect(story.orphans()).toEqual([]);
});

describe('a volume with the name of one that a person deleted', () => {
  const mounts = { data: { path: '/data', size_gb: 1, storage: 'fast' } };
  const wanted = (change: object, image: string) => ({
    ...fleetOf('container', { website: change }),
    images: { website: image },
  });
  const outside = ({ world }: Simulated) => ({
    restart: () => world.admin('POST', '/nodes/pve1/lxc/823/status/reboot'),
    remove: (key: string) => world.admin('PUT', '/nodes/pve1/lxc/823/config', { delete: key }),
  });

  it('is no old root disk when it holds data: neither rolled back to nor collected', async () => {
    const story = await startSimulated();
    const { bench } = story;
    await story.deploy(1, wanted({}, 'website 1'));
    await story.deploy(2, wanted({}, 'website 2'));
    const [root] = unused(story);
    await outside(story).remove('unused0');
    await story.deploy(3, wanted({ mounts }, 'website 2'));
    const disk = held(story, 'mp0');
    expect(disk.volid).toBe(root);
    await story.deploy(4, wanted({}, 'website 2'));
    await outside(story).restart();
    expect(unused(story)).toEqual([disk.volid]);
    await bench.chat.command('/proxnix rollback test-website', owner);
    await bench.settle();
    expect(
      story.bench.run('blocked').plan.changes.map(({ action, blocked }) => `${action} ${blocked?.reason}`),
    ).toEqual(['rollback nothing-retained']);
    bench.pipeline.keepUp({ collectIntervalMs: 1000 });
    await bench.clock.advance(3 * 24 * 60 * 60_000);
    await bench.settle();
    expect(unused(story)).toEqual([disk.volid]);
  });

  it('is no data disk when it is an old root', async () => {
    const story = await startSimulated();
    await story.deploy(1, wanted({ mounts }, 'website 1'));
    await story.deploy(2, wanted({}, 'website 1'));
    await outside(story).restart();
    const [data] = unused(story);
    await outside(story).remove('unused0');
    await story.deploy(3, wanted({}, 'website 2'));
    await story.deploy(4, wanted({}, 'website 3'));
    expect(unused(story)).toContain(data);
    await story.bench.push(5, wanted({ mounts }, 'website 3'));
    expect(story.bench.text().replaceAll(/\s+/g, ' ')).toContain('mount data (/data) none -> 1 GiB on fast');
    await story.bench.apply();
    story.bench.run('applied');
    expect(unused(story)).toContain(data);
    expect(held(story, 'mp0').volid).not.toBe(data);
  });
});

describe.each(kinds)('a data disk of a %s', (kind) => {
  const slot = kind === 'vm' ? 'scsi1' : 'mp0';
  const field = kind === 'vm' ? 'disks' : 'mounts';
  const place = kind === 'vm' ? { slot: 'scsi1' } : { path: '/data' };
  const data = { data: { ...place, size_gb: 1, storage: 'fast' } };
  const fleet = (disks: object | undefined, image = 'website 1') => ({
    ...fleetOf(kind, { website: disks === undefined ? {} : { [field]: disks } }),
    images: { website: image },
  });

  it('is added, renamed and taken out by the flake, and kept with its guest', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleet(undefined));
    await story.deploy(2, fleet(data));
    const disk = held(story, slot);
    await expectInSync(story);
    await story.bench.push(3, fleet({ renamed: data.data }));
    story.bench.run('in-sync');
    await story.bench.push(4, fleet(undefined));
    expect(story.bench.text().replaceAll(/\s+/g, ' ')).toContain('1 GiB on fast -> detached and kept');
    await story.bench.apply();
    story.bench.run('applied');
    if (kind === 'container') await story.world.admin('POST', '/nodes/pve1/lxc/823/status/reboot');
    expect(story.config()[slot]).toBeUndefined();
    expect(unused(story)).toEqual([disk.volid]);
    await expectInSync(story);
    // The rollback window passes, and nothing of it is collected.
    story.bench.pipeline.keepUp({ collectIntervalMs: 1000 });
    await story.bench.clock.advance(3 * 24 * 60 * 60_000);
    await story.bench.settle();
    expect(unused(story)).toEqual([disk.volid]);
    expect(story.orphans()).toEqual([]);
  });

  it('that left the flake comes back with its data, also with a rollback of the fleet', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleet(data));
    const disk = held(story, slot);
    await story.deploy(2, fleet(undefined, 'website 2'));
    expect(story.config()[slot]).toBeUndefined();
    expect(unused(story)).toContain(disk.volid);
    await story.bench.chat.command(`/proxnix rollback ${'0001'}${'c0ffee'.repeat(6)}`, owner);
    await story.bench.settle();
    const text = story.bench.text().replaceAll(/\s+/g, ' ');
    expect(text).toMatch(/\((?:scsi1|\/data)\) detached -> 1 GiB on fast with its data/);
    await story.bench.apply();
    story.bench.run('applied');
    expect(held(story, slot)).toEqual(disk);
    expect(unused(story)).not.toContain(disk.volid);
    expect(story.orphans()).toEqual([]);
  });

  it('that a person attached stays through a replacement', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleet(undefined));
    const path = `/nodes/pve1/${kind === 'vm' ? 'qemu' : 'lxc'}/823/config`;
    await story.world.admin('PUT', path, { [slot]: kind === 'vm' ? 'fast:1' : 'fast:1,mp=/data' });
    const disk = held(story, slot);
    await story.deploy(2, fleet(undefined, 'website 2'));
    expect(held(story, slot)).toEqual(disk);
    // From now on it is the one of the flake, with its content.
    await story.bench.push(3, fleet(data, 'website 2'));
    story.bench.run('in-sync');
    expect(held(story, slot)).toEqual(disk);
  });

  it('comes back when the guest that lost it does not become healthy', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleet(data));
    const disk = held(story, slot);
    await story.bench.push(2, fleet(undefined, 'website 2'));
    story.bench.health.script(823, 'ill', 'well');
    await story.bench.apply();
    expect(story.bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823 });
    expect(held(story, slot)).toEqual(disk);
    expect(story.runs()).toBe(true);
    expect(story.orphans()).toEqual([]);
  });

  it('is left where it is when the store knows nothing of it', async () => {
    const story = await startSimulated();
    await story.deploy(1, fleet(data));
    await story.bench.store.saveFleet('acme', { guests: [] });
    await story.bench.push(2, fleet(undefined));
    story.bench.run('in-sync');
    expect(story.config()[slot]).toBeDefined();
  });
});
