import { describe, expect, it } from 'vitest';
import type { DesiredGuest } from '../../src/core/guest.ts';
import type { LiveGuest, LiveNode, StorageFacts } from '../../src/core/live.ts';
import { createPlan, placeGuest } from '../../src/core/plan.ts';
import { planText } from '../../src/views/plan-text.ts';
import {
  aContainer,
  aGoal,
  aGuest,
  aLiveContainer,
  aLiveGuest,
  aNode,
  anImage,
  aState,
  gib,
} from '../support/builders.ts';

const planOf = (
  guests: readonly DesiredGuest[],
  { live = [], ...node }: Partial<LiveNode> & { readonly live?: readonly LiveGuest[] },
) => createPlan(aGoal({ guests }), aState(live, [aNode(node)]));
const blockedIn = (plan: ReturnType<typeof createPlan>) => plan.changes.map(({ blocked }) => blocked?.reason);

describe('the memory of a node', () => {
  const node = { memory: 32 * gib, freeMemory: 8 * gib };
  const large = 64 * 1024;

  it.each([aGuest({ memoryMb: large }), aContainer({ memoryMb: large })])(
    'blocks a guest that wants more than there is, with the figures: $kind',
    (guest) => {
      const plan = planOf([guest], node);
      expect(plan.changes[0]?.blocked).toEqual({
        reason: 'memory',
        advice:
          'memory_mb = 65536 is 64.0 GiB, and node pve1 has 32.0 GiB in all. Lower memory_mb in the flake, or choose another node.',
      });
      expect(plan.tight).toBeUndefined();
      expect(blockedIn(planOf([{ ...guest, memoryMb: 32 * 1024 }], node))).toEqual([undefined]);
    },
  );

  it('blocks an update to more than there is, and no other change of a guest that has more already', () => {
    expect(blockedIn(planOf([aGuest({ memoryMb: large })], { ...node, live: [aLiveGuest()] }))).toEqual(['memory']);
    const live = [aLiveGuest({ config: { memoryMb: large } })];
    const changed = aGuest({ memoryMb: large, image: anImage('b') });
    expect(blockedIn(planOf([changed], { ...node, live }))).toEqual([undefined]);
  });

  it('decides where a new guest goes', () => {
    const guest = aGuest({ memoryMb: large });
    const small = aNode({ memory: 32 * gib, freeMemory: 30 * gib });
    const wide = aNode({ node: 'pve2', memory: 128 * gib, freeMemory: 10 * gib });
    expect(placeGuest(guest, [small, wide])).toEqual({ node: 'pve2' });
  });

  it('that is free now is told where the guests want more of it together', () => {
    const guests = [1, 2, 3].map((index) => aGuest({ vmid: 800 + index, name: `new-${index}`, memoryMb: 4096 }));
    const plan = planOf(guests, node);
    expect(blockedIn(plan)).toEqual([undefined, undefined, undefined]);
    const said =
      'Node pve1 has 8.0 GiB of memory free now, and 12.0 GiB more are wanted by new-1 (801), new-2 (802), new-3 (803).';
    expect(plan.tight).toEqual([said]);
    expect(planText(plan)).toContain(`\nWarnings\n- ${said}\n`);
    expect(planOf(guests.slice(1), node).tight).toBeUndefined();
  });

  it('counts of a guest that runs what it gets beside, and nothing of one that stays down', () => {
    const live = [aLiveGuest()];
    const grown = (memoryMb: number) => planOf([aGuest({ memoryMb })], { ...node, live }).tight;
    expect(grown(10 * 1024)).toBeUndefined();
    expect(grown(10 * 1024 + 1)).toEqual([expect.stringContaining('wanted by test-website (823).')]);
    const stopped = [aLiveGuest({ status: 'stopped' })];
    expect(planOf([aGuest({ memoryMb: 16 * 1024 })], { ...node, live: stopped }).tight).toBeUndefined();
    expect(planOf([aGuest({ memoryMb: 16 * 1024, power: 'stopped' })], node).tight).toBeUndefined();
  });

  it('moves all the time: the digests are the same', () => {
    const guests = [aGuest({ memoryMb: 4096 })];
    const [tight, wide] = [planOf(guests, { ...node, freeMemory: gib }), planOf(guests, node)];
    expect(tight.tight).toHaveLength(1);
    expect([tight.digest, tight.changesDigest]).toEqual([wide.digest, wide.changesDigest]);
  });
});

describe('a storage on which disks take what is written to them', () => {
  const on = (thin: StorageFacts['thin'], more: Partial<LiveNode> & { live?: readonly LiveGuest[] } = {}) => ({
    storageFacts: { 'local-lvm': thin === undefined ? {} : { thin } },
    ...more,
  });
  const pool = { size: 500 * gib, free: 60 * gib };

  it.each([aGuest({ diskGb: 80 }), aContainer({ diskGb: 80 })])(
    'refuses nothing for the size that a guest sees, and tells what is free: $kind',
    (guest) => {
      const plan = planOf([guest], on(pool));
      expect(blockedIn(plan)).toEqual([undefined]);
      expect(plan.tight).toEqual([
        'Storage "local-lvm" on pve1 has 60.0 GiB free, and the new disks there may grow to 80.0 GiB.',
      ]);
      expect(planOf([{ ...guest, diskGb: 60 }], on(pool)).tight).toBeUndefined();
    },
  );

  it('is told where the disks of its guests are larger than it together', () => {
    const other = aLiveGuest({}, aGuest({ vmid: 900, name: 'other', diskGb: 450 }));
    const plan = planOf([aGuest({ diskGb: 51 })], on(pool, { live: [other] }));
    expect(plan.tight).toEqual([
      'Storage "local-lvm" on pve1 has 500.0 GiB, and the disks of its known guests may grow to 501.0 GiB together.',
    ]);
  });

  it('is told, with both figures, of a single disk that is larger than all of it, new or grown', () => {
    const said = [
      'Storage "local-lvm" on pve1 has 500.0 GiB in all: a disk of test-website (823) has 900.0 GiB, larger than the storage itself.',
    ];
    const whole = { size: 500 * gib, free: 500 * gib };
    const plan = planOf([aGuest({ diskGb: 900 })], on(whole));
    expect(plan.tight).toEqual(said);
    expect(blockedIn(plan)).toEqual([undefined]);
    expect(planOf([aGuest({ diskGb: 900 })], on(whole, { live: [aLiveGuest({})] })).tight).toEqual(said);
    expect(planOf([aGuest({ diskGb: 500 })], on(whole)).tight).toBeUndefined();
  });

  it('says nothing of itself where no disk is made there', () => {
    const live = [aLiveGuest({ config: { cores: 1 } }, aGuest({ diskGb: 900 }))];
    expect(planOf([aGuest({ diskGb: 900 })], on(pool, { live })).tight).toBeUndefined();
  });

  it('is told once where several nodes share it', () => {
    const facts = { ceph: { thin: { size: 50 * gib, free: 50 * gib }, shared: true as const } };
    const nodes = ['pve1', 'pve2'].map((node) => aNode({ node, storages: ['ceph'], storageFacts: facts }));
    const guests = ['pve1', 'pve2'].map((node, index) =>
      aGuest({ vmid: 801 + index, name: `new-${index}`, node, storage: 'ceph', diskGb: 30 }),
    );
    expect(createPlan(aGoal({ guests }), aState([], nodes)).tight).toEqual([
      'Storage "ceph" on pve1 has 50.0 GiB, and the disks of its known guests may grow to 60.0 GiB together.',
    ]);
    const offline = aNode({ node: 'pve0', online: false, storageFacts: { ceph: { shared: true } } });
    expect(createPlan(aGoal({ guests }), aState([], [offline, ...nodes])).tight).toHaveLength(1);
  });

  it('takes no disk at all once it is full', () => {
    const plan = planOf([aGuest()], on({ size: 500 * gib, free: 0 }));
    expect(plan.changes[0]?.blocked).toMatchObject({
      reason: 'storage',
      advice: expect.stringContaining('"local-lvm" on pve1 has 0 B free; 20.0 GiB needed.'),
    });
  });
});

describe('the cores of a node', () => {
  it('are told where a new container wants more, which Proxmox does not refuse', () => {
    const plan = planOf([aContainer({ cores: 16 })], { cpus: 8 });
    expect(blockedIn(plan)).toEqual([undefined]);
    expect(plan.tight).toEqual(['cache (830) wants cores = 16, and node pve1 has 8: it gets no more than these.']);
    const live = [aLiveContainer({ config: { memoryMb: 1, cores: 16 } })];
    expect(planOf([aContainer({ cores: 16 })], { cpus: 8, live }).tight).toBeUndefined();
  });
});
