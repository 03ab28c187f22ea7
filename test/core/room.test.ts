import { describe, expect, it } from 'vitest';
import type { StorageFacts } from '../../src/core/live.ts';
import { createPlan, placeGuest } from '../../src/core/plan.ts';
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

const storages = ['local-lvm', 'vg'];
const on = (facts: Readonly<Record<string, StorageFacts>>, node = 'pve1') =>
  aNode({ node, storages, storageFacts: facts });
const whole = (free: number, more: StorageFacts = {}) => on({ vg: { free: free * gib, ...more } });
const blocked = (plan: ReturnType<typeof createPlan>) =>
  plan.changes.map(({ vmid, blocked: why }) => [vmid, why?.reason]);

describe('a disk that takes its whole size at once', () => {
  const guest = aGuest({ storage: 'vg', diskGb: 20 });

  it('is blocked with the figures where it does not fit', () => {
    const plan = createPlan(aGoal({ guests: [guest] }), aState([], [whole(19)]));
    expect(plan.changes[0]?.blocked).toEqual({
      reason: 'storage',
      advice:
        'Storage "vg" on pve1 has 19.0 GiB free; 20.0 GiB needed. Free space there or choose another `storage_location`.',
    });
    expect(blocked(createPlan(aGoal({ guests: [guest] }), aState([], [whole(20)])))).toEqual([[823, undefined]]);
  });

  it('of a replacement needs room beside the old one, which is kept', () => {
    const goal = aGoal({ guests: [{ ...guest, image: anImage('b') }] });
    expect(blocked(createPlan(goal, aState([aLiveGuest({}, guest)], [whole(19)])))).toEqual([[823, 'storage']]);
    expect(blocked(createPlan(goal, aState([aLiveGuest({}, guest)], [whole(20)])))).toEqual([[823, undefined]]);
  });

  it('that is moved or grows needs room for what is new', () => {
    const moved = aLiveGuest({}, { ...guest, storage: 'local-lvm' });
    expect(blocked(createPlan(aGoal({ guests: [guest] }), aState([moved], [whole(19)])))).toEqual([[823, 'storage']]);
    const small = aLiveGuest({}, { ...guest, diskGb: 10 });
    expect(blocked(createPlan(aGoal({ guests: [guest] }), aState([small], [whole(9)])))).toEqual([[823, 'storage']]);
    expect(blocked(createPlan(aGoal({ guests: [guest] }), aState([small], [whole(10)])))).toEqual([[823, undefined]]);
  });

  it('counts those of the same plan, on a shared storage those of other nodes too', () => {
    const guests = [1, 2].map((index) => aGuest({ ...guest, vmid: 800 + index, name: `new-${index}` }));
    expect(blocked(createPlan(aGoal({ guests }), aState([], [whole(30)])))).toEqual([
      [801, undefined],
      [802, 'storage'],
    ]);
    const nodes = (shared: StorageFacts) => [
      on({ vg: { free: 30 * gib, ...shared } }, 'pve1'),
      on({ vg: { free: 30 * gib, ...shared } }, 'pve2'),
    ];
    const spread = createPlan(aGoal({ guests }), aState([], nodes({})));
    expect(blocked(spread).map(([, why]) => why)).toEqual([undefined, undefined]);
    const shared = createPlan(aGoal({ guests }), aState([], nodes({ shared: true })));
    expect(blocked(shared).map(([, why]) => why)).toEqual([undefined, 'storage']);
  });

  it('goes to the node that has room for it', () => {
    const full = aNode({ node: 'pve1', freeMemory: 64 * gib, storages, storageFacts: { vg: { free: 1 } } });
    expect(placeGuest(guest, [full, aNode({ node: 'pve2', storages })])).toEqual({ node: 'pve2' });
  });
});

it('nothing is refused for the size that a guest sees where the storage takes what is written', () => {
  const guests = [aGuest({ diskGb: 4000 }), aContainer({ diskGb: 4000 })];
  expect(blocked(createPlan(aGoal({ guests }), aState([], [aNode()])))).toEqual([
    [823, undefined],
    [830, undefined],
  ]);
});

describe('a storage that the node does not have', () => {
  const guest = aGuest({ storage: 'local-lmv' });
  const elsewhere = aLiveGuest({}, { ...guest, storage: 'local-lvm' });
  const blockOf = (
    goal: ReturnType<typeof aGoal>,
    live = [elsewhere],
    node = aNode({ storages: ['local-lvm', 'vg'] }),
  ) => createPlan(goal, aState(live, [node])).changes[0]?.blocked;
  const advice =
    'Node pve1 has no storage "local-lmv". Did you mean "local-lvm"? The token can see local-lvm, vg: ' +
    'correct `storage_location`, or let the token use "local-lmv".';

  it('blocks a move to it and a new root disk on it', () => {
    expect(blockOf(aGoal({ guests: [guest] }))).toEqual({ reason: 'storage', advice });
    const replaced = aGoal({ guests: [{ ...guest, image: anImage('b') }] });
    expect(blockOf(replaced)).toEqual({ reason: 'storage', advice });
  });

  it('blocks a cloud-init drive on it, and nothing where the drive is there already', () => {
    const cloudInit = { storage: 'local-lmv' };
    const wanted = aGuest({ cloudInit, cores: 7 });
    const there = aLiveGuest({}, aGuest());
    const named = advice.replace('storage_location', 'cloud_init.StorageReference');
    expect(blockOf(aGoal({ guests: [wanted] }), [there])).toEqual({ reason: 'storage', advice: named });
    expect(blockOf(aGoal({ guests: [wanted] }), [aLiveGuest({}, aGuest({ cloudInit }))])).toBeUndefined();
    expect(placeGuest(wanted, [aNode({ node: 'pve2' }), aNode({ storages: ['local-lvm', 'local-lmv'] })])).toEqual({
      node: 'pve1',
    });
  });

  it('stops nothing that makes no disk there, and nothing on a node that is down, whose storages are not listed', () => {
    const there = aLiveGuest({}, guest);
    expect(blockOf(aGoal({ guests: [{ ...guest, cores: 7 }] }), [there])).toBeUndefined();
    expect(blockOf(aGoal({ guests: [guest] }), [elsewhere], aNode({ online: false, storages: [] }))).toBeUndefined();
  });

  it('is named for a new guest with those that the token can see', () => {
    const none = 'No node that is online has a storage "tape". ';
    expect(placeGuest(aGuest({ storage: 'tape' }), [aNode(), aNode({ node: 'pve2', storages: ['vg'] })])).toEqual({
      problem: `${none}The token can see local-lvm, vg: correct \`storage_location\`, or let the token use "tape".`,
    });
    expect(placeGuest(aGuest({ storage: 'tape' }), [aNode({ storages: [] })])).toEqual({
      problem: `${none}The token can see no storage: \`npx proxnix doctor\` tells which right it lacks.`,
    });
  });
});

describe('a storage that lacks what a disk needs', () => {
  const guest = aGuest({ storage: 'vg' });
  const container = aContainer({ storage: 'vg' });

  it('makes no root disk of that kind', () => {
    const node = on({ vg: { problems: { vm: 'has only LUNs' } } });
    const plan = createPlan(aGoal({ guests: [guest, container] }), aState([], [node]));
    expect(plan.changes.map((change) => change.blocked)).toEqual([
      { reason: 'storage', advice: 'has only LUNs' },
      undefined,
    ]);
  });

  it('that cannot hand on disks is named for a replacement, and takes a new guest', () => {
    const node = on({ vg: { noSwap: 'cannot rename' } });
    expect(blocked(createPlan(aGoal({ guests: [guest] }), aState([], [node])))).toEqual([[823, undefined]]);
    const goal = aGoal({ guests: [{ ...guest, image: anImage('b') }] });
    const plan = createPlan(goal, aState([aLiveGuest({}, guest)], [node]));
    expect(plan.changes[0]?.blocked).toEqual({ reason: 'storage', advice: 'cannot rename' });
    const elsewhere = aGoal({ guests: [{ ...guest, storage: 'local-lvm', image: anImage('b') }] });
    expect(blocked(createPlan(elsewhere, aState([aLiveGuest({}, guest)], [node])))).toEqual([[823, undefined]]);
  });

  it('stops no change that makes no disk', () => {
    const node = on({ vg: { free: 0, problems: { vm: 'x', container: 'x' }, noSwap: 'x' } });
    const goal = aGoal({
      guests: [
        { ...guest, cores: 7 },
        { ...container, memoryMb: 4096 },
      ],
    });
    const live = [aLiveGuest({}, guest), aLiveContainer({}, container)];
    expect(blocked(createPlan(goal, aState(live, [node])))).toEqual([
      [823, undefined],
      [830, undefined],
    ]);
  });
});
