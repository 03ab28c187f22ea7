import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPlan, runnable } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { stagingMarker } from '../../src/core/tags.ts';
import * as any from '../support/arbitraries.ts';
import { aBigPlan, aCommit, aGuest, aLiveGuest, anImage, aPlan } from '../support/builders.ts';

const pending = ['proxnix', 'proxnix-pending'];

function ids(...args: Parameters<typeof aPlan>): readonly string[] {
  return planSteps(aPlan(...args)).map((step) => step.id);
}

describe('the steps of a change', () => {
  it('create a guest with its first tags before its disk, and tag it as done last', () => {
    expect(ids()).toEqual([
      ...[
        'build',
        'upload aaaaaaaa pve1',
        '823 create',
        '823 import',
        '823 resize',
        '823 start',
        '823 health',
        '823 finish',
      ],
    ]);
    const steps = planSteps(aPlan());
    expect(steps.find((step) => step.kind === 'create')).toMatchObject({ tags: 'proxnix;proxnix-pending' });
    expect(steps.find((step) => step.kind === 'finish')).toMatchObject({
      tags: `commit-${aCommit().sha};nix-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;proxnix`,
    });
  });

  it('carry the fleet where there are several', () => {
    const steps = planSteps(aPlan({ fleetTag: 'homelab' }));
    expect(steps.find((step) => step.kind === 'create')).toMatchObject({
      tags: 'fleet-homelab;proxnix;proxnix-pending',
    });
    expect(steps.find((step) => step.kind === 'finish')).toMatchObject({
      tags: expect.stringContaining('fleet-homelab;'),
    });
  });

  it.each([
    ['the name', { name: 'old' }, ['configure', 'finish']],
    ['memory', { config: { memoryMb: 1 } }, ['configure', 'restart', 'health', 'finish']],
    ['the storage', { config: { disks: disk('slow', 20) } }, ['configure', 'move-disk', 'finish']],
    ['the size', { config: { disks: disk('local-lvm', 10) } }, ['configure', 'resize', 'finish']],
    [
      'all of them',
      { name: 'old', config: { memoryMb: 1, disks: disk('slow', 10) } },
      ['configure', 'move-disk', 'resize', 'restart', 'health', 'finish'],
    ],
  ])('update %s without a build', (_, live, kinds) => {
    expect(ids({}, [aLiveGuest(live)])).toEqual(kinds.map((kind) => `823 ${kind}`));
  });

  it('replace the root disk while the guest runs, and bring other changes along', () => {
    const other = aGuest({ image: anImage('b') });
    const start = ['build', 'upload bbbbbbbb pve1', '823 prepare', '823 attach'];
    expect(ids({ guests: [other] }, [aLiveGuest()])).toEqual([
      ...start,
      ...['823 swap', '823 restart', '823 start', '823 health', '823 finish'],
    ]);
    expect(ids({ guests: [{ ...other, cores: 4 }] }, [aLiveGuest()])).toEqual([
      ...start,
      ...['823 configure', '823 swap', '823 restart', '823 start', '823 health', '823 finish'],
    ]);
  });

  it('replace the root disk by a smaller one elsewhere, with tags of its own, in the same steps', () => {
    const other = aGuest({ image: anImage('b'), tags: ['prod'] });
    const large = aLiveGuest({ config: { disks: disk('fast', 40) } });
    expect(ids({ guests: [other] }, [large])).toEqual(ids({ guests: [other] }, [aLiveGuest()]));
    expect(ids({ guests: [other] }, [large])).not.toContain('823 configure');
  });

  it('move the root disk before an option of it waits for the restart', () => {
    const guest = aGuest({ rootOptions: { cache: 'writeback' } });
    expect(ids({ guests: [guest] }, [aLiveGuest({ config: { disks: disk('slow', 10) } })])).toEqual(
      ['configure', 'move-disk', 'resize', 'data-disks', 'restart', 'health', 'finish'].map((kind) => `823 ${kind}`),
    );
  });

  it('let the tags tell what the root disk holds until it is swapped', () => {
    const guests = [{ ...aGuest({ image: anImage('b') }), cores: 4 }];
    const steps = planSteps(aPlan({ guests }, [aLiveGuest()]));
    const tagsOf = (kind: string) => steps.find((step) => step.kind === kind);
    expect(tagsOf('configure')).toMatchObject({ tags: expect.stringContaining('nix-aaaaaaaa') });
    expect(tagsOf('swap')).toMatchObject({ tags: 'proxnix;proxnix-pending' });
  });

  it('make a guest that never got a disk anew', () => {
    const bare = aLiveGuest({ tags: pending, status: 'stopped', config: { disks: {} } });
    expect(ids({}, [bare])).toEqual([
      ...['build', 'upload aaaaaaaa pve1', '823 discard', '823 create', '823 import', '823 resize', '823 start'],
      '823 health',
      '823 finish',
    ]);
  });

  it('never delete a guest that has a disk in order to make it anew', () => {
    const half = aLiveGuest({ tags: pending, status: 'stopped', config: { disks: {}, unused: { unused0: 'x' } } });
    expect(ids({}, [half])).not.toContain('823 discard');
  });

  it('stop a guest before it is destroyed, after everything else', () => {
    expect(planSteps(aBigPlan()).map((step) => step.id)).toEqual([
      ...['build', 'upload aaaaaaaa pve1', 'upload cccccccc pve1'],
      ...['820 create', '820 import', '820 resize', '820 start', '820 health', '820 finish'],
      ...['821 configure', '821 restart', '821 health', '821 finish'],
      ...['822 prepare', '822 attach', '822 swap', '822 restart', '822 start', '822 health', '822 finish'],
      ...['830 stop', '830 destroy'],
    ]);
  });

  it('remove a staging guest by the guest it was made for', () => {
    const staging = aLiveGuest(
      { tags: pending, config: { description: stagingMarker(823) } },
      aGuest({ vmid: 900_000_823, name: 'proxnix-staging-823' }),
    );
    expect(planSteps(aPlan({}, [aLiveGuest(), staging]))).toEqual([
      {
        id: '900000823 discard',
        kind: 'discard',
        guestKind: 'vm',
        vmid: 823,
        node: 'pve1',
        name: 'proxnix-staging-823',
        staging: true,
      },
    ]);
  });

  it('follow order, then VMID', () => {
    const guests = [
      aGuest({ vmid: 1000, name: 'first', order: 0 }),
      aGuest({ vmid: 101, name: 'third', order: 2 }),
      aGuest({ vmid: 102, name: 'second', order: 1 }),
      aGuest({ vmid: 103, name: 'fourth', order: 2 }),
    ];
    expect(ids({ guests }).filter((id) => id.endsWith('create'))).toEqual([
      ...['1000 create', '102 create', '101 create', '103 create'],
    ]);
  });

  it('come in the order in which the plan is read, beside the destroys that it begins with', () => {
    fc.assert(
      fc.property(any.goal, any.liveState, (goal, live) => {
        const plan = createPlan(goal, live);
        const read = runnable(plan).map(({ action, name }) => ({ action, name }));
        const isLast = ({ action }: { readonly action: string }) => action === 'destroy';
        const names = [...read.filter((one) => !isLast(one)), ...read.filter(isLast)].map(({ name }) => name);
        const worked = planSteps(plan).flatMap((step) => ('vmid' in step ? [step.name] : []));
        expect(worked.filter((name, index) => name !== worked[index - 1])).toEqual(
          names.filter((name, index) => name !== names[index - 1]),
        );
        expect(read.findLastIndex(isLast)).toBe(read.filter(isLast).length - 1);
      }),
    );
  });

  it('send an image once to each node, however many guests use it', () => {
    const guests = [
      aGuest({ name: 'a', vmid: 820 }),
      aGuest({ name: 'b', vmid: 821 }),
      aGuest({ name: 'c', vmid: 822 }),
    ];
    expect(ids({ guests }).filter((id) => id.startsWith('upload'))).toEqual(['upload aaaaaaaa pve1']);
  });

  it('keep tags of other people in what they write', () => {
    const live = aLiveGuest({ tags: ['backup', ...aLiveGuest().tags].sort(), config: { cores: 8 } });
    for (const step of planSteps(aPlan({}, [live]))) {
      if ('tags' in step) expect(step.tags.split(';')).toContain('backup');
    }
  });
});

function disk(storage: string, gibibytes: number) {
  return { scsi0: { volid: `${storage}:vm-823-disk-0`, storage, sizeMb: gibibytes * 1024 } };
}

it('a VM that is stopped for its rollback gets the tag of a guest at work first: a kill after the stop is told', () => {
  const tags = ['proxnix', `nix-${'b'.repeat(32)}`];
  const live = aLiveGuest({
    tags,
    config: { memoryMb: 4096, boot: ['net0'], unused: { unused0: 'local-lvm:vm-823-disk-9' } },
  });
  const disk = { vmid: 823, uuid: live.config.uuid ?? '', volid: 'local-lvm:vm-823-disk-9', since: 0 };
  const plan = aPlan({ rollback: { vmid: 823, retained: [{ ...disk, imageHash: 'a'.repeat(32) }] } }, [live]);
  const [first, second] = planSteps(plan);
  const tagged = { kind: 'configure', tags: expect.stringContaining('proxnix-pending') };
  expect(first).toMatchObject({ ...tagged, guest: { memoryMb: 4096 } });
  expect(second?.kind).toBe('swap');
});
