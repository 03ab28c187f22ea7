import { describe, expect, it } from 'vitest';
import { diffDataDisks, disksToDetach } from '../../src/core/data-disk-changes.ts';
import type { DataDisk } from '../../src/core/data-disks.ts';
import { parseDesired } from '../../src/core/desired.ts';
import { diffGuest } from '../../src/core/diff.ts';
import type { KnownGuest, LiveVmConfig } from '../../src/core/live.ts';
import { createPlan } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import {
  aContainer,
  aFlakeEntry,
  aGoal,
  aGuest,
  aLiveContainer,
  aLiveGuest,
  aNode,
  anImage,
  aState,
} from '../support/builders.ts';

const data: DataDisk = { at: 'scsi1', sizeGb: 10, storage: 'local-lvm' };
const mount: DataDisk = { at: '/data', sizeGb: 10, storage: 'local-lvm' };
const vm = (change: Partial<DataDisk> = {}) => aGuest({ disks: { pgdata: { ...data, ...change } } });
const ct = (change: Partial<DataDisk> = {}) => aContainer({ mounts: { data: { ...mount, ...change } } });

/** The differences of the data disks, as a plan says them. */
function said(wanted: ReturnType<typeof vm> | ReturnType<typeof ct>, live: KnownGuest, before: readonly string[] = []) {
  return [...diffDataDisks(wanted, live, before)].map(
    ({ field, of, from, to, restart }) => `${field} ${of} ${from} -> ${to}${restart ? ' (restart)' : ''}`,
  );
}

function changeOf(wanted: ReturnType<typeof vm> | ReturnType<typeof ct>, live: KnownGuest, node = aNode()) {
  const [change] = createPlan(aGoal({ guests: [wanted] }), aState([live], [node])).changes;
  if (change === undefined) throw new Error('nothing is planned');
  return change;
}

describe('data disks in the flake', () => {
  const read = (kind: 'vm' | 'container', fields: object) => {
    const entry = aFlakeEntry(kind, { ...fields });
    const [guest] = parseDesired(kind === 'vm' ? { vms: { web: entry } } : { containers: { web: entry } });
    return guest;
  };
  const pgdata = { slot: 'scsi1', size_gb: 10, storage: 'local-lvm' };

  it('are read by their places; what is not named of them is not managed', () => {
    expect(read('vm', { disks: { pgdata: { ...pgdata, ssd: true, cache: 'writeback' } } })).toMatchObject({
      disks: { pgdata: { ...data, ssd: true, cache: 'writeback' } },
    });
    const mounts = { data: { path: '/data', size_gb: 10, storage: 'local-lvm', backup: true } };
    expect(read('container', { mounts })).toMatchObject({ mounts: { data: { ...mount, backup: true } } });
    expect(read('vm', {})).not.toHaveProperty('disks');
  });

  it.each([
    ['no slot', 'vm', { disks: { a: { size_gb: 1, storage: 'x' } } }, '"disks.a.slot" is missing'],
    ['a slot of an IDE disk', 'vm', { disks: { a: { ...pgdata, slot: 'ide2' } } }, 'must be a disk slot such as scsi0'],
    ['a slot twice', 'vm', { disks: { a: pgdata, b: pgdata } }, '"disks.b.slot" is also the slot of a'],
    ['the slot of the root', 'vm', { disks: { a: { ...pgdata, slot: 'scsi0' } } }, 'is the slot of the root disk'],
    [
      'the slot of a root elsewhere',
      'vm',
      { disk_slot: 'virtio0', disks: { a: { ...pgdata, slot: 'virtio0' } } },
      '"disks.a.slot" is the slot of the root disk',
    ],
    [
      'an SSD on virtio',
      'vm',
      { disks: { a: { ...pgdata, slot: 'virtio1', ssd: true } } },
      '"disks.a.ssd" does not exist',
    ],
    [
      'a thread on SATA',
      'vm',
      { disks: { a: { ...pgdata, slot: 'sata1', iothread: true } } },
      'does not exist for a disk',
    ],
    ['an unknown field', 'vm', { disks: { a: { ...pgdata, sise_gb: 2 } } }, 'did you mean "size_gb"?'],
    ['half a GiB', 'vm', { disks: { a: { ...pgdata, size_gb: 0.5 } } }, 'must be a whole number'],
    ['another cache', 'vm', { disks: { a: { ...pgdata, cache: 'fast' } } }, 'must be one of none, writethrough'],
    ['a storage that is more', 'vm', { disks: { a: { ...pgdata, storage: 'x:1,import-from=y' } } }, 'plain name'],
    [
      'a path that leads elsewhere',
      'container',
      { mounts: { a: { ...mountEntry('/a/../b') } } },
      'must be a path such as',
    ],
    ['a path with a comma', 'container', { mounts: { a: { ...mountEntry('/a,ro=1') } } }, 'must be a path such as'],
    ['the root itself', 'container', { mounts: { a: { ...mountEntry('/') } } }, 'must be a path such as'],
    [
      'a path twice',
      'container',
      { mounts: { a: mountEntry('/a'), b: mountEntry('/a') } },
      '"mounts.b.path" is also the path of a',
    ],
    ['disks of a container', 'container', { disks: { a: pgdata } }, 'unknown field "disks"'],
  ] as const)('are refused with %s', (_, kind, fields, text) => {
    expect(() => read(kind, fields)).toThrow(text);
  });

  function mountEntry(path: string) {
    return { path, size_gb: 1, storage: 'x' };
  }
});

describe('a data disk that differs', () => {
  const live = (guest = vm(), config: Partial<LiveVmConfig> = {}) => aLiveGuest({ config }, guest);

  it.each([
    ['is missing', said(vm(), live(aGuest())), ['data-disk pgdata (scsi1) none -> 10 GiB on local-lvm']],
    [
      'is missing on SATA',
      said(vm({ at: 'sata1' }), live(aGuest())),
      ['data-disk pgdata (sata1) none -> 10 GiB on local-lvm (restart)'],
    ],
    ['is smaller', said(vm({ sizeGb: 12 }), live()), ['data-disk pgdata (scsi1) 10 -> 12 GiB']],
    ['is elsewhere', said(vm({ storage: 'ceph' }), live()), ['data-disk pgdata (scsi1) storage local-lvm -> ceph']],
    [
      'has other options',
      said(vm({ cache: 'writeback', backup: false, ssd: false }), live()),
      ['data-disk pgdata (scsi1) cache none -> writeback (restart)', 'data-disk pgdata (scsi1) backup yes -> no'],
    ],
    ['has options that nobody names', said(vm(), live(vm({ cache: 'unsafe', backup: false }))), []],
    ['has another name', said(aGuest({ disks: { other: data } }), live()), []],
    ['is there', said(vm(), live()), []],
    ['is missing in a container', said(ct(), aLiveContainer()), ['mount data (/data) none -> 10 GiB on local-lvm']],
    [
      'has another option in a container',
      said(ct({ backup: true }), aLiveContainer({}, ct())),
      ['mount data (/data) backup no -> yes (restart)'],
    ],
  ])('is told when it %s', (_, differences, expected) => {
    expect(differences).toEqual(expected);
  });

  it('is kept when somebody took it out and the running guest has not let go', () => {
    const { scsi1, ...disks } = live().config.disks;
    const leaving = { scsi1: scsi1 ?? { volid: '', storage: '' } };
    expect(said(vm(), live(vm(), { disks, leaving }))).toEqual(['data-disk pgdata (scsi1) to be detached -> kept']);
    // Nobody wants it: it goes at the next restart.
    expect(said(aGuest(), live(vm(), { disks, leaving }))).toEqual([]);
  });

  it('is told again while its values wait for a restart that an interrupted run did not reach', () => {
    const waiting = { scsi1: ['cache', 'ssd'] };
    expect(said(vm({ cache: 'unsafe' }), live(vm({ cache: 'unsafe' }), { waiting }))).toEqual([
      'data-disk pgdata (scsi1) cache pending -> unsafe (restart)',
    ]);
    expect(said(vm(), live(vm(), { waiting: { scsi1: ['volume'] } }))).toEqual([
      'data-disk pgdata (scsi1) pending -> 10 GiB on local-lvm (restart)',
    ]);
    expect(said(vm(), live(vm(), { waiting: { scsi1: [] } }))).toEqual([]);
  });
});

it('disks and options that the flake ignores are in no step of a guest that is there', () => {
  const step = (wanted: ReturnType<typeof vm>, live: KnownGuest) =>
    planSteps(createPlan(aGoal({ guests: [wanted] }), aState([live], [aNode()]))).find(
      ({ kind }) => kind === 'data-disks',
    );
  const options = step(aGuest({ ...vm(), ignore: ['disks'], rootOptions: { ssd: true } }), aLiveGuest());
  expect(options).toMatchObject({ guest: { rootOptions: { ssd: true } }, detach: [] });
  expect(options).not.toHaveProperty('guest.disks');
  const disks = step(aGuest({ ...vm(), ignore: ['disk'], rootOptions: { ssd: true } }), aLiveGuest());
  expect(disks).toMatchObject({ guest: { disks: { pgdata: data } } });
  expect(disks).not.toHaveProperty('guest.rootOptions');
});

it('a data disk that left the flake and comes back is attached again, and takes no room', () => {
  const live = aLiveGuest({ config: { unused: { unused0: 'full:vm-823-disk-1' } } });
  const node = aNode({ storages: ['local-lvm', 'full'], storageFacts: { full: { free: 0 } } });
  const guests = [vm({ storage: 'full', backup: true })];
  const detached = [{ vmid: 823, disks: { scsi1: 'full:vm-823-disk-1' } }];
  const [change] = createPlan(aGoal({ guests, detached }), aState([live], [node])).changes;
  expect(change?.blocked).toBeUndefined();
  expect(change).toMatchObject({
    fields: [{ of: 'pgdata (scsi1)', from: 'detached', to: '10 GiB on full backup yes with its data' }],
  });
  const steps = planSteps(createPlan(aGoal({ guests, detached }), aState([live], [node])));
  expect(steps.find(({ kind }) => kind === 'data-disks')).toMatchObject({ attach: { scsi1: 'full:vm-823-disk-1' } });
  // Without the record it is another, empty disk.
  expect(createPlan(aGoal({ guests }), aState([live], [node])).changes[0]?.blocked?.reason).toBe('storage');
});

describe('a data disk that leaves the flake', () => {
  const live = aLiveGuest({}, aGuest({ disks: { pgdata: data, logs: { ...data, at: 'scsi10' } } }));

  it('is detached when the flake named it before, and stays when a person attached it', () => {
    expect(said(vm(), live, ['disks.scsi1', 'disks.scsi10', 'disks', 'description'])).toEqual([
      'data-disk scsi10 10 GiB on local-lvm -> detached and kept',
    ]);
    expect(said(vm(), live)).toEqual([]);
    const mounted = aLiveContainer({}, ct());
    expect(said(aContainer(), mounted, ['mounts./data'])).toEqual([
      'mount /data 10 GiB on local-lvm -> detached and kept',
    ]);
  });

  it('is never the root, nor one that is not there', () => {
    const before = ['disks.scsi0', 'disks.scsi7'];
    expect(disksToDetach(aGuest(), live, before)).toEqual([]);
    expect(disksToDetach(aGuest({ diskSlot: 'scsi1' }), live, ['disks.scsi1'])).toEqual([]);
  });

  it('is taken out by a step of its own, in an update as in a replacement', () => {
    const declared = [{ vmid: 823, paths: ['disks.scsi10'] }];
    const kinds = (wanted: ReturnType<typeof vm>) =>
      planSteps(createPlan(aGoal({ guests: [wanted], declared }), aState([live]))).flatMap((step) =>
        step.kind === 'data-disks' ? [step.kind, ...step.detach] : step.kind,
      );
    expect(kinds(vm())).toEqual(['configure', 'data-disks', 'scsi10', 'finish']);
    expect(kinds({ ...vm(), image: anImage('b') })).toEqual(
      'build upload prepare attach configure data-disks scsi10 swap restart start health finish'.split(' '),
    );
  });
});

describe('a data disk that cannot become as wanted', () => {
  const live = aLiveGuest({}, vm());
  const node = aNode({ storages: ['local-lvm', 'ceph'] });

  it('blocks with its figures when it would have to shrink', () => {
    expect(changeOf(vm({ sizeGb: 4 }), live).blocked).toEqual({
      reason: 'shrink',
      advice:
        'pgdata of website has 10 GiB, and the flake wants 4 GiB: Proxmox cannot make a disk smaller. Set its size_gb to 10.',
    });
    expect(changeOf({ ...vm({ sizeGb: 4 }), image: anImage('b') }, live).blocked?.reason).toBe('shrink');
  });

  it('blocks when a mount of a container would have to move, with the commands for root', () => {
    expect(changeOf(ct({ storage: 'ceph' }), aLiveContainer({}, ct()), node).blocked).toEqual({
      reason: 'storage',
      advice: expect.stringContaining('pct shutdown 830 && pct move-volume 830 mp0 ceph --delete 1 && pct start 830'),
    });
  });

  it('blocks when its slot holds a CD, or its path a folder of the node', () => {
    const cd = aLiveGuest({ config: { cds: ['scsi1'] } });
    expect(changeOf(vm(), cd).blocked).toEqual({
      reason: 'disk',
      advice: 'scsi1 of VM 823 holds a CD or its cloud-init drive. Give pgdata another slot.',
    });
    const bound = aLiveContainer();
    const mp0 = { volid: '/srv', storage: '/srv', path: '/data' };
    const disks = { ...bound.config.disks, mp0 };
    expect(changeOf(ct(), { ...bound, config: { ...bound.config, disks } }).blocked?.advice).toContain(
      'is /srv of its node',
    );
  });

  it('blocks a move while a value of the disk waits for a restart, of the root as well', () => {
    const waiting = aLiveGuest({ config: { waiting: { scsi1: [] } } }, vm());
    expect(changeOf(vm({ storage: 'ceph' }), waiting, node).blocked).toEqual({
      reason: 'disk',
      advice: expect.stringContaining('scsi1 of VM 823 has a change that waits for a restart'),
    });
    const root = aLiveGuest({ config: { waiting: { scsi0: [] } } });
    expect(changeOf(aGuest({ storage: 'ceph' }), root, node).blocked?.advice).toContain('scsi0 of VM 823 has a change');
  });

  it('blocks without its storage, and without room on it, counted together', () => {
    const facts = (free: number) => aNode({ storages: ['local-lvm', 'thick'], storageFacts: { thick: { free } } });
    const gib = 2 ** 30;
    expect(changeOf(vm({ storage: 'ceph' }), aLiveGuest()).blocked?.advice).toBe(
      'Node pve1 has no storage "ceph". The token can see local-lvm: correct `storage` of `disks.pgdata`, or let the token use "ceph".',
    );
    const two = aGuest({
      disks: { a: { ...data, storage: 'thick' }, b: { ...data, at: 'scsi2', storage: 'thick', sizeGb: 5 } },
    });
    expect(changeOf(two, aLiveGuest(), facts(15 * gib)).blocked).toBeUndefined();
    expect(changeOf(two, aLiveGuest(), facts(14 * gib)).blocked?.advice).toBe(
      'Storage "thick" on pve1 has 4.0 GiB free; 5.0 GiB needed. Free space there or choose another `storage` of `disks.b`.',
    );
    // One that grows takes only what it grows by.
    const grown = aLiveGuest({}, aGuest({ disks: { a: { ...data, storage: 'thick' } } }));
    const wanted = aGuest({ disks: { a: { ...data, storage: 'thick', sizeGb: 12 } } });
    expect(changeOf(wanted, grown, facts(2 * gib)).blocked).toBeUndefined();
    expect(changeOf(wanted, grown, facts(gib)).blocked?.reason).toBe('storage');
  });

  it('places a new guest where all its storages are', () => {
    const nodes = [aNode(), aNode({ node: 'pve2', freeMemory: 1, storages: ['local-lvm', 'ceph'] })];
    const [change] = createPlan(aGoal({ guests: [vm({ storage: 'ceph' })] }), aState([], nodes)).changes;
    expect(change).toMatchObject({ action: 'create', node: 'pve2' });
    const [none] = createPlan(aGoal({ guests: [vm({ storage: 'zfs' })] }), aState([], nodes)).changes;
    expect(none?.blocked?.advice).toEqual(expect.stringContaining('No node that is online has a storage "zfs".'));
  });
});

describe('the options of a root disk', () => {
  const rootOptions = { cache: 'writeback', ssd: true } as const;
  const withRoot = (root: object) => ({
    config: {
      disks: { scsi0: { volid: 'local-lvm:vm-823-disk-0', storage: 'local-lvm', sizeMb: 20 * 1024, ...root } },
    },
  });
  const fieldsOf = (live: KnownGuest, guest = aGuest({ rootOptions })) =>
    [...diffGuest(guest, live)].map(({ field, of, from, to, restart }) => `${field} ${of} ${from} -> ${to} ${restart}`);

  it('are read from `disk`, and refused where its bus has none', () => {
    const disk = { cache: 'writeback', ssd: true };
    expect(parseDesired({ vms: { web: aFlakeEntry('vm', { disk }) } })).toMatchObject([{ rootOptions }]);
    const virtio = { disk_slot: 'virtio0', disk: { ssd: true } };
    expect(() => parseDesired({ vms: { web: aFlakeEntry('vm', virtio) } })).toThrow(
      '"disk.ssd" does not exist for a disk at virtio0',
    );
    expect(() => parseDesired({ vms: { web: aFlakeEntry('vm', { disk: { sdd: true } }) } })).toThrow('"disk.sdd"');
  });

  it('differ one by one, and those that are not named are a person’s own', () => {
    expect(fieldsOf(aLiveGuest(withRoot({ options: { iothread: true, ssd: true } })))).toEqual([
      'disk-options cache none -> writeback true',
    ]);
    expect(fieldsOf(aLiveGuest(withRoot({ options: { ...rootOptions, discard: true } })))).toEqual([]);
    const waits = { ...withRoot({ options: rootOptions }).config, waiting: { scsi0: ['cache'] } };
    expect(fieldsOf(aLiveGuest({ config: waits }))).toEqual(['disk-options cache pending -> writeback true']);
    expect(fieldsOf(aLiveGuest(withRoot({})), aGuest({ rootOptions, ignore: ['disk'] }))).toEqual([]);
  });
});
