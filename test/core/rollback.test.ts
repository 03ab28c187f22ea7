import { describe, expect, it } from 'vitest';
import { imageHash } from '../../src/core/guest.ts';
import { createPlan } from '../../src/core/plan.ts';
import type { RetainedDisk } from '../../src/core/retained-disks.ts';
import { planSteps } from '../../src/core/steps.ts';
import { aGoal, aGuest, aLiveGuest, anImage, aState, t0 } from '../support/builders.ts';
import { onlyChange } from './changes.ts';

const older = aGuest({ image: anImage('b') });
const disk: RetainedDisk = {
  ...{ vmid: 823, uuid: '00000000-0000-4000-8000-000000000823', volid: 'local-lvm:vm-823-disk-1', since: t0 },
  ...{ imageHash: imageHash(older.image), commit: 'c0ffee00'.repeat(5), sizeMb: 20 * 1024 },
};
const live = aLiveGuest({ config: { unused: { unused0: disk.volid, unused1: 'local-lvm:vm-823-disk-9' } } });
const ids = (plan: Parameters<typeof planSteps>[0]) => planSteps(plan).map((step) => step.id);

describe('rolling one guest back', () => {
  const back = (retained: readonly RetainedDisk[], guest = live) =>
    createPlan(aGoal({ rollback: { vmid: 823, retained } }), aState([guest]));

  it('swaps the retained disk in and changes nothing else of it, whatever the flake wants', () => {
    const other = aLiveGuest({ name: 'renamed', config: { ...live.config, memoryMb: 1024 } });
    const plan = back([disk], other);
    expect(onlyChange(plan)).toMatchObject({ action: 'rollback', to: disk, fields: [] });
    expect(ids(plan)).toEqual(['823 swap', '823 restart', '823 start', '823 health', '823 finish']);
    const steps = planSteps(plan);
    expect(steps[0]).toMatchObject({ volid: disk.volid, tags: 'proxnix;proxnix-pending' });
    expect(steps.at(-1)).toMatchObject({ tags: `commit-${disk.commit};nix-${disk.imageHash};proxnix` });
  });

  it('takes the newest disk that is there and tells what it holds', () => {
    const newer = { ...disk, volid: 'local-lvm:vm-823-disk-9', since: t0 + 1 };
    expect(onlyChange(back([newer, disk]))).toMatchObject({ to: newer });
    const { imageHash: _, ...unknown } = newer;
    expect(onlyChange(back([unknown, disk]))).toMatchObject({ to: disk });
    expect(onlyChange(back([{ ...newer, volid: 'local-lvm:gone' }, disk]))).toMatchObject({ to: disk });
    expect(onlyChange(back([{ ...newer, uuid: 'another machine' }, disk]))).toMatchObject({ to: disk });
  });

  it.each<[string, readonly RetainedDisk[]]>([
    ['none is retained', []],
    ['what is retained holds the image it runs', [{ ...disk, imageHash: imageHash(aGuest().image) }]],
  ])('is blocked when %s', (_, retained) => {
    const change = onlyChange(back(retained));
    expect(change).toMatchObject({ action: 'rollback', blocked: { reason: 'nothing-retained' } });
    expect(change.blocked?.advice).toMatch(/rollback with the hash of an earlier commit/);
  });

  it.each([
    ['protected', aLiveGuest({ config: { ...live.config, protected: true } }), 'protected'],
    ['locked', { ...live, lock: 'backup' }, 'locked'],
    ["somebody else's", { ...live, tags: [] }, 'not-ours'],
  ])('is blocked for a guest that is %s', (_, guest, reason) => {
    expect(onlyChange(back([disk], guest)).blocked?.reason).toBe(reason);
  });

  it('plans nothing for other guests, and nothing where none is there', () => {
    const others = [aLiveGuest({}, aGuest({ vmid: 830, name: 'test-old' }))];
    const goal = aGoal({
      rollback: { vmid: 823, retained: [disk] },
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
    const plan = back([disk], { ...older, memoryMb: 4096 });
    expect(onlyChange(plan)).toMatchObject({ action: 'rollback', to: disk, fields: [{ field: 'memory' }] });
    expect(ids(plan)).toEqual(['823 configure', '823 swap', '823 restart', '823 start', '823 health', '823 finish']);
  });

  it.each<[string, Partial<RetainedDisk>]>([
    ['image', { imageHash: imageHash(anImage('c')) }],
    ['size', { sizeMb: 10 * 1024 }],
    ['storage', { volid: 'slow:vm-823-disk-1' }],
  ])('builds the image where the retained disk has another %s', (_, other) => {
    expect(onlyChange(back([{ ...disk, ...other }])).action).toBe('replace');
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
