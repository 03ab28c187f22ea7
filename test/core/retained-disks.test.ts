import { describe, expect, it } from 'vitest';
import { imageHash } from '../../src/core/guest.ts';
import { createPlan } from '../../src/core/plan.ts';
import {
  dueForCollection,
  type RetainedDisk,
  retainedBy,
  retainsDisk,
  stillRetained,
  withRetained,
} from '../../src/core/retained-disks.ts';
import { planSteps } from '../../src/core/steps.ts';
import { aGoal, aGuest, aLiveGuest, anImage, anUnreadGuest, aPlan, aState, minute, t0 } from '../support/builders.ts';
import { onlyChange } from './changes.ts';

const uuid = '00000000-0000-4000-8000-000000000823';
const disk: RetainedDisk = { vmid: 823, uuid, volid: 'local-lvm:vm-823-disk-0', since: t0 };
const withUnused = (unused: Readonly<Record<string, string>>) => aLiveGuest({ config: { unused } });
const there = withUnused({ unused0: disk.volid });

describe('the root disk that a replacement takes out', () => {
  it('is told by what the tags say of it', () => {
    const change = onlyChange(aPlan({ guests: [aGuest({ image: anImage('b') })] }, [aLiveGuest()]));
    if (change.action !== 'replace') throw new Error(change.action);
    expect(retainedBy(change, t0)).toEqual({
      ...disk,
      imageHash: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      commit: '4d0c8e17'.repeat(5),
      sizeMb: 20 * 1024,
    });
  });

  it('is of an unknown image when no tag says what it holds', () => {
    const unfinished = aLiveGuest({ tags: ['proxnix', 'proxnix-pending'] });
    const change = onlyChange(aPlan({}, [unfinished]));
    if (change.action !== 'replace') throw new Error(change.action);
    expect(retainedBy(change, t0)).toEqual({ ...disk, sizeMb: 20 * 1024 });
  });

  it('is promised only where there is one', () => {
    const guests = [aGuest({ image: anImage('b') })];
    const replaced = (live: Parameters<typeof aLiveGuest>[0]) => onlyChange(aPlan({ guests }, [aLiveGuest(live)]));
    expect(retainsDisk(replaced({}))).toBe(true);
    expect(retainsDisk(replaced({ tags: ['proxnix', 'proxnix-pending'], config: { disks: {} } }))).toBe(false);
    expect(retainsDisk(onlyChange(aPlan({}, [])))).toBe(false);
  });

  it('stays on offer where the guest was healthy on it once', () => {
    const image = { imageHash: 'a'.repeat(32) };
    expect(withRetained([{ ...disk, ...image }], { ...disk, unhealthy: true })).toEqual([{ ...disk, ...image }]);
    expect(withRetained([disk], { ...disk, unhealthy: true })).toEqual([{ ...disk, unhealthy: true }]);
  });

  it('is remembered once, with the newest time', () => {
    const later = { ...disk, since: t0 + 1 };
    expect(withRetained([disk, { ...disk, vmid: 824 }], later)).toEqual([{ ...disk, vmid: 824 }, later]);
  });

  it('holds what an earlier record knew of it, where the tags do not tell any more', () => {
    const image = { imageHash: 'a'.repeat(32), commit: '4d0c8e17'.repeat(5) };
    const later = { ...disk, since: t0 + 1 };
    expect(withRetained([{ ...disk, ...image }], later)).toEqual([{ ...later, ...image }]);
    expect(withRetained([{ ...disk, ...image }], { ...later, imageHash: 'b'.repeat(32) })).toEqual([
      { ...later, imageHash: 'b'.repeat(32) },
    ]);
    expect(withRetained([{ ...disk, ...image, uuid: 'another' }], later)).toEqual([later]);
  });
});

describe('a record', () => {
  it.each([
    ['unused', there, true],
    ['attached again', aLiveGuest(), false],
    ['between two places while work goes on', aLiveGuest({ tags: ['proxnix', 'proxnix-pending'] }), true],
    ['of another machine', aLiveGuest({ config: { uuid: 'another', unused: { unused0: disk.volid } } }), false],
    ['on a node that is down', anUnreadGuest(), true],
  ])('of a disk that is %s', (_, guest, retained) => {
    // The builder's guest has this very volume attached.
    expect(stillRetained([disk], [guest])).toEqual(retained ? [disk] : []);
  });

  it('goes with its disk and with its guest', () => {
    const other = aLiveGuest({ config: { disks: {}, unused: { unused0: 'local-lvm:vm-823-disk-7' } } });
    expect(stillRetained([disk], [other])).toEqual([]);
    expect(stillRetained([disk], [])).toEqual([]);
  });

  it.each([
    ['its window is over', there, t0 + minute, true],
    ['its window is not over', there, t0 + minute - 1, false],
    ['it is attached again', aLiveGuest(), t0 + minute, false],
    [
      'it belongs to another machine',
      aLiveGuest({ config: { uuid: 'x', unused: { unused0: disk.volid } } }),
      t0 + minute,
      false,
    ],
    ['it belongs to another guest', { ...there, vmid: 824 }, t0 + minute, false],
    ['its guest cannot be read', anUnreadGuest(), t0 + minute, false],
  ])('is due or not when %s', (_, guest, now, due) => {
    expect(dueForCollection(guest, [disk], { now, windowMs: minute })).toEqual(due ? [disk] : []);
  });
});

const older = aGuest({ image: anImage('b') });
const oldRoot: RetainedDisk = {
  ...{ vmid: 823, uuid: '00000000-0000-4000-8000-000000000823', volid: 'local-lvm:vm-823-disk-1', since: t0 },
  ...{ imageHash: imageHash(older.image), commit: 'c0ffee00'.repeat(5), sizeMb: 20 * 1024 },
};
const live = aLiveGuest({ config: { unused: { unused0: oldRoot.volid, unused1: 'local-lvm:vm-823-disk-9' } } });
const ids = (plan: Parameters<typeof planSteps>[0]) => planSteps(plan).map((step) => step.id);

describe('rolling one guest back', () => {
  const back = (retained: readonly RetainedDisk[], guest = live) =>
    createPlan(aGoal({ rollback: { vmid: 823, retained } }), aState([guest]));

  it('swaps the retained disk in and changes nothing else of it, whatever the flake wants', () => {
    const other = aLiveGuest({ name: 'renamed', config: { ...live.config, memoryMb: 1024 } });
    const plan = back([oldRoot], other);
    expect(onlyChange(plan)).toMatchObject({ action: 'rollback', to: oldRoot, fields: [] });
    expect(ids(plan)).toEqual(['823 swap', '823 restart', '823 start', '823 health', '823 finish']);
    const steps = planSteps(plan);
    expect(steps[0]).toMatchObject({ volid: oldRoot.volid, tags: 'proxnix;proxnix-pending' });
    expect(steps.at(-1)).toMatchObject({ tags: `commit-${oldRoot.commit};nix-${oldRoot.imageHash};proxnix` });
  });

  it('takes the newest disk that is there and tells what it holds', () => {
    const newer = { ...oldRoot, volid: 'local-lvm:vm-823-disk-9', since: t0 + 1 };
    expect(onlyChange(back([newer, oldRoot]))).toMatchObject({ to: newer });
    const { imageHash: _, ...unknown } = newer;
    expect(onlyChange(back([unknown, oldRoot]))).toMatchObject({ to: oldRoot });
    expect(onlyChange(back([unknown]))).toMatchObject({ to: unknown });
    expect(onlyChange(back([{ ...unknown, unhealthy: true }])).blocked?.reason).toBe('nothing-retained');
    expect(onlyChange(back([{ ...newer, volid: 'local-lvm:gone' }, oldRoot]))).toMatchObject({ to: oldRoot });
    expect(onlyChange(back([{ ...newer, uuid: 'another machine' }, oldRoot]))).toMatchObject({ to: oldRoot });
  });

  it('takes a disk of the image that it runs only when no other is there: its data is of before', () => {
    const same = { ...oldRoot, imageHash: imageHash(aGuest().image), since: t0 + 1 };
    expect(onlyChange(back([same]))).toMatchObject({ to: same });
    const { imageHash: _, ...unknown } = { ...oldRoot, volid: 'local-lvm:vm-823-disk-9' };
    expect(onlyChange(back([same, unknown]))).toMatchObject({ to: unknown });
  });

  it('is blocked when none is retained', () => {
    const change = onlyChange(back([]));
    expect(change).toMatchObject({ action: 'rollback', blocked: { reason: 'nothing-retained' } });
    expect(change.blocked?.advice).toMatch(/rollback with the hash of an earlier commit/);
  });

  it.each([
    ['protected', aLiveGuest({ config: { ...live.config, protected: true } }), 'protected'],
    ['locked', { ...live, lock: 'backup' }, 'locked'],
    ["somebody else's", { ...live, tags: [] }, 'not-ours'],
  ])('is blocked for a guest that is %s', (_, guest, reason) => {
    expect(onlyChange(back([oldRoot], guest)).blocked?.reason).toBe(reason);
  });

  it('plans nothing for other guests, and nothing where none is there', () => {
    const others = [aLiveGuest({}, aGuest({ vmid: 830, name: 'test-old' }))];
    const goal = aGoal({
      rollback: { vmid: 823, retained: [oldRoot] },
      guests: [aGuest(), aGuest({ vmid: 840, name: 'new' })],
    });
    expect(createPlan(goal, aState([live, ...others])).changes.map(({ vmid }) => vmid)).toEqual([823]);
    expect(createPlan(goal, aState(others)).changes).toEqual([]);
  });
});

describe('rolling a fleet back to a commit', () => {
  const back = (retained: readonly RetainedDisk[], wanted = older) =>
    createPlan(aGoal({ guests: [wanted], rollback: { retained } }), aState([live]));

  it('takes the retained disk where it is what the commit wants, and changes the rest with it', () => {
    const plan = back([oldRoot], { ...older, memoryMb: 4096 });
    expect(onlyChange(plan)).toMatchObject({ action: 'rollback', to: oldRoot, fields: [{ field: 'memory' }] });
    expect(ids(plan)).toEqual(['823 configure', '823 swap', '823 restart', '823 start', '823 health', '823 finish']);
  });

  it.each<[string, Partial<RetainedDisk>]>([
    ['image', { imageHash: imageHash(anImage('c')) }],
    ['size', { sizeMb: 10 * 1024 }],
    ['storage', { volid: 'slow:vm-823-disk-1' }],
  ])('builds the image where the retained disk has another %s', (_, other) => {
    expect(onlyChange(back([{ ...oldRoot, ...other }])).action).toBe('replace');
  });

  it('never takes a retained disk for a push', () => {
    expect(onlyChange(createPlan(aGoal({ guests: [older] }), aState([live]))).action).toBe('replace');
  });
});

describe('disks that were handed over and never swapped in', () => {
  const left = aLiveGuest({ config: { unused: { unused3: 'local-lvm:theirs', unused201: 'b', unused200: 'a' } } });

  it('are cleaned up with the change that the guest gets anyway, before its protection', () => {
    const guests = [aGuest({ image: anImage('b') })];
    const plan = createPlan(aGoal({ guests }), aState([left]));
    expect(onlyChange(plan)).toMatchObject({ action: 'replace', orphanVolumes: ['a', 'b'] });
    expect(ids(plan).slice(-2)).toEqual(['823 free', '823 finish']);
  });

  it('are a change of their own where nothing else differs', () => {
    const plan = createPlan(aGoal(), aState([left]));
    expect(onlyChange(plan)).toMatchObject({ action: 'clean-up', orphanVolumes: ['a', 'b'] });
    expect(planSteps(plan)).toMatchObject([{ kind: 'free', vmid: 823, volids: ['a', 'b'] }]);
  });

  it('stay with a protected guest', () => {
    const plan = createPlan(aGoal(), aState([aLiveGuest({ config: { ...left.config, protected: true } })]));
    expect(onlyChange(plan).blocked?.reason).toBe('protected');
  });
});
