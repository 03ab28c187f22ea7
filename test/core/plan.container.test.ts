import { describe, expect, it } from 'vitest';
import { diffGuest } from '../../src/core/diff.ts';
import { type DesiredContainer, imageHash } from '../../src/core/guest.ts';
import type { KnownContainer, LiveContainerConfig } from '../../src/core/live.ts';
import { createPlan } from '../../src/core/plan.ts';
import { confirmationFor } from '../../src/core/policy.ts';
import { planSteps } from '../../src/core/steps.ts';
import { creationMarker, stagingMarker } from '../../src/core/tags.ts';
import {
  aContainer,
  aGoal,
  aGuest,
  aLiveContainer,
  aLiveGuest,
  aNode,
  anImage,
  anUnreadContainer,
  aPlan,
  aState,
  t0,
} from '../support/builders.ts';
import { onlyChange } from './changes.ts';

function wanted(change: Partial<DesiredContainer> = {}): DesiredContainer {
  const sizes = { cores: 2, memoryMb: 2048, diskGb: 20 };
  return aContainer({ key: 'website', name: 'test-website', vmid: 823, ...sizes, ...change });
}

function live(config: Partial<LiveContainerConfig> = {}, rest: Partial<KnownContainer> = {}): KnownContainer {
  return aLiveContainer({ ...rest, config }, wanted());
}

const plan = (guest: DesiredContainer, there: KnownContainer) => onlyChange(aPlan({ guests: [guest] }, [there]));

describe('a plan for a container', () => {
  it('does not move its root to another storage, and says how to', () => {
    const found = plan(wanted({ storage: 'fast' }), live());
    expect(found).toMatchObject({ action: 'update' });
    expect(found.blocked).toEqual({
      reason: 'storage',
      advice:
        'The root of a container is moved only while it is stopped: on its node root can `pct shutdown 823 && pct move-volume 823 rootfs fast --delete 1 && pct start 823`. Or change the image as well: a new root is made on fast.',
    });
  });

  it('makes a new root on another storage together with another image', () => {
    const goal = aGoal({ guests: [wanted({ storage: 'fast', image: anImage('b', 'container') })] });
    const found = onlyChange(createPlan(goal, aState([live()], [aNode({ storages: ['fast', 'local-lvm'] })])));
    expect(found).toMatchObject({ action: 'replace' });
    expect(found.blocked).toBeUndefined();
  });

  it('does not destroy a protected one that was removed from the flake', () => {
    const plan = aPlan({ guests: [] }, [live({ protected: true })]);
    expect(onlyChange(plan)).toMatchObject({ action: 'destroy', blocked: { reason: 'protected' } });
    expect(planSteps(plan)).toEqual([]);
  });

  it('asks for the words of a destroy of everything when the flake wants no guest any more, and touches none that is not ours', () => {
    const theirs = live({}, { vmid: 100, name: 'payroll', tags: [] });
    const plan = aPlan({ guests: [] }, [live(), theirs]);
    expect(plan.changes.map(({ action, vmid }) => [action, vmid])).toEqual([['destroy', 823]]);
    expect(confirmationFor(plan, {})).toMatch(/^destroy 1 guest of /);
  });

  it.each(['vm', 'container'] as const)('leaves a foreign %s alone when vm_id is edited to its VMID', (kind) => {
    const theirs =
      kind === 'container'
        ? live({}, { vmid: 100, name: 'payroll', tags: [] })
        : aLiveGuest({ tags: [], name: 'payroll' }, aGuest({ vmid: 100 }));
    const plan = aPlan({ guests: [wanted({ vmid: 100 })] }, [theirs, live()]);
    expect(plan.changes.filter(({ vmid }) => vmid === 100).map(({ blocked }) => blocked !== undefined)).toEqual([true]);
    // The one that was to move there stays until the new one can be made.
    expect(planSteps(plan)).toEqual([]);
  });

  it('is blocked for one without a network card, by which it would be known again', () => {
    const { uuid: _, ...config } = live().config;
    const found = plan(wanted({ memoryMb: 4096 }), { ...live(), config });
    expect(found.blocked).toEqual({
      reason: 'not-ours',
      advice: 'CT 823 has no net0 with a MAC address, by which proxnix knows a container. Add one in Proxmox.',
    });
  });

  it('is blocked while somebody makes it, and tells what root can do when nobody does any more', () => {
    const empty = { cores: 0, memoryMb: 512, description: '', disks: {}, unused: {}, features: [] };
    const found = plan(wanted(), live(empty, { tags: [], name: 'CT 823', lock: 'create', status: 'stopped' }));
    expect(found).toMatchObject({ action: 'conflict' });
    expect(found.blocked).toEqual({
      reason: 'locked',
      advice:
        'CT 823 is locked (create). Plan again when that is over; if nothing runs any more, root can `pct unlock 823 && pct destroy 823`.',
    });
  });

  it('says which share of its host it has when it has all of it', () => {
    expect([...diffGuest(wanted({ cores: 2 }), live({ cores: 0 }))]).toEqual([
      { field: 'cores', from: 'all', to: '2', restart: false },
    ]);
    expect([...diffGuest(wanted({ cores: 2 }), live({ cores: 4 }))]).toEqual([
      { field: 'cores', from: '4', to: '2', restart: false },
    ]);
  });

  it('restarts a running one for what it did not take while it ran, and for its features', () => {
    const pending = ['cores', 'features', 'ip', 'memoryMb', 'swapMb'];
    const fields = [...diffGuest(wanted(), live({ pending }))];
    expect(fields.map(({ field, from, to }) => [field, from, to])).toEqual([
      ['cores', 'pending', '2'],
      ['memory', 'pending', '2048 MiB'],
      ['swap', 'pending', '512 MiB'],
      ['ip', 'pending', 'dhcp'],
      ['features', 'pending', 'nesting'],
    ]);
    expect(fields.every(({ restart }) => restart)).toBe(true);
    expect([...diffGuest(wanted(), live({ pending }, { status: 'stopped' }))]).toEqual([]);
    // What is to be written anyway is told once.
    const written = [...diffGuest(wanted({ memoryMb: 512 }), live({ pending: ['memoryMb'] }))];
    expect(written).toMatchObject([{ field: 'memory', from: '2048' }]);
  });
});

it('a VM that is locked while it is made is told with the commands for VMs', () => {
  const found = onlyChange(aPlan({}, [aLiveGuest({ tags: [], lock: 'create', config: { disks: {} } })]));
  expect(found.blocked).toEqual({
    reason: 'locked',
    advice:
      'VM 823 is locked (create). Plan again when that is over; if nothing runs any more, root can `qm unlock 823 && qm destroy 823`.',
  });
});

const other = anImage('d', 'container', 'lxc-cache');
const ids = (...args: Parameters<typeof aPlan>) => planSteps(aPlan(...args)).map((step) => step.id);

describe('a container compared with the cluster', () => {
  it('has no difference right after an apply', () => {
    expect([...diffGuest(aContainer(), aLiveContainer())]).toEqual([]);
    expect(aPlan({ guests: [aContainer()] }, [aLiveContainer()]).changes).toEqual([]);
  });

  it('changes in place at once, but for its features', () => {
    const wanted = aContainer({
      cores: 2,
      memoryMb: 1024,
      swapMb: 0,
      ip: '10.0.0.5/24',
      gateway: '10.0.0.1',
      features: [],
    });
    expect([...diffGuest(wanted, aLiveContainer())]).toEqual([
      { field: 'cores', from: '1', to: '2', restart: false },
      { field: 'memory', from: '512', to: '1024 MiB', restart: false },
      { field: 'swap', from: '512', to: '0 MiB', restart: false },
      { field: 'ip', from: 'dhcp', to: '10.0.0.5/24', restart: false },
      { field: 'gateway', from: 'none', to: '10.0.0.1', restart: false },
      { field: 'features', from: 'nesting', to: 'none', restart: true },
    ]);
    expect(ids({ guests: [aContainer({ memoryMb: 1024 })] }, [aLiveContainer()])).toEqual([
      '830 configure',
      '830 finish',
    ]);
    expect(ids({ guests: [aContainer({ features: [] })] }, [aLiveContainer()])).toEqual([
      ...['830 configure', '830 restart', '830 health', '830 finish'],
    ]);
  });

  it('waits for its restart when an interrupted run left its features pending', () => {
    const live = aLiveContainer({ config: { pending: ['features'] } });
    expect([...diffGuest(aContainer(), live)]).toEqual([
      { field: 'features', from: 'pending', to: 'nesting', restart: true },
    ]);
  });

  it('is created with its root file system in one step', () => {
    expect(planSteps(aPlan({ guests: [aContainer()] })).map((step) => step.id)).toEqual([
      ...['build', 'upload cccccccc pve1', '830 create', '830 start', '830 health', '830 finish'],
    ]);
  });

  it('is replaced by the swap of its root file system, and every step knows what it is', () => {
    const plan = aPlan({ guests: [aContainer({ image: other })] }, [aLiveContainer()]);
    expect(onlyChange(plan)).toMatchObject({ action: 'replace', incomplete: false, toImage: imageHash(other) });
    const steps = planSteps(plan);
    expect(steps.map((step) => step.id).slice(2)).toEqual([
      ...['830 prepare', '830 attach', '830 swap', '830 restart', '830 start', '830 health', '830 finish'],
    ]);
    expect(steps.slice(2).map((step) => 'guestKind' in step && step.guestKind)).toEqual(Array(7).fill('container'));
  });

  it('goes back to its retained root file system', () => {
    const volid = 'local-lvm:vm-830-disk-1';
    const retained = [{ vmid: 830, uuid: 'BC:24:11:00:08:30', volid, imageHash: imageHash(other), since: t0 }];
    const live = aLiveContainer({ config: { unused: { unused0: volid } } });
    const plan = createPlan(aGoal({ guests: [aContainer()], rollback: { vmid: 830, retained } }), aState([live]));
    expect(onlyChange(plan)).toMatchObject({ action: 'rollback', to: { volid } });
  });

  it('is destroyed when it is ours and not wanted any more', () => {
    const plan = aPlan({ guests: [] }, [aLiveContainer(), anUnreadContainer({ vmid: 831, tags: [] })]);
    expect(planSteps(plan)).toMatchObject([
      { kind: 'stop', guestKind: 'container', vmid: 830 },
      { kind: 'destroy', guestKind: 'container', vmid: 830 },
    ]);
  });

  it('is blocked where Proxmox can never change it', () => {
    const change = onlyChange(aPlan({ guests: [aContainer({ unprivileged: false })] }, [aLiveContainer()]));
    expect(change.blocked).toMatchObject({ reason: 'read-only' });
  });

  it.each([
    ['a VM where a container is wanted', aContainer({ vmid: 823 }), aLiveGuest(), 'VMID 823 is a VM.'],
    ['a container where a VM is wanted', aGuest({ vmid: 830 }), aLiveContainer(), 'VMID 830 is a container.'],
  ])('never takes %s for it', (_, guest, live, says) => {
    const change = onlyChange(aPlan({ guests: [guest] }, [live]));
    expect(change).toMatchObject({ action: 'conflict', blocked: { reason: 'kind' } });
    expect(change.blocked?.advice).toContain(says);
  });

  it('says when no node can take its template', () => {
    const nodes = [aNode({ imageProblems: { container: 'Allow vztmpl on it.' } })];
    const plan = createPlan(aGoal({ guests: [aContainer({ image: other })] }), aState([aLiveContainer()], nodes));
    expect(onlyChange(plan).blocked).toEqual({ reason: 'images', advice: 'Allow vztmpl on it.' });
    expect(createPlan(aGoal({ guests: [aContainer()] }), aState([aLiveContainer()], nodes)).changes).toEqual([]);
  });
});

describe('a container whose creation was cut off', () => {
  const marked = { tags: [], status: 'stopped', config: { description: creationMarker(830) } } as const;

  it('before its tags is made anew, though it has its root file system', () => {
    const change = onlyChange(aPlan({ guests: [aContainer()] }, [aLiveContainer(marked)]));
    expect(change).toMatchObject({ action: 'replace', incomplete: true });
    expect(change.blocked).toBeUndefined();
  });

  it.each([
    ['runs', { ...marked, status: 'running' }],
    ['has another volume', { ...marked, config: { ...marked.config, unused: { unused0: 'local-lvm:x' } } }],
    ['was only described so', { ...marked, config: { description: `${creationMarker(830)} once` } }],
  ] as const)("is somebody else's when it %s", (_, overrides) => {
    const change = onlyChange(aPlan({ guests: [aContainer()] }, [aLiveContainer(overrides)]));
    expect(change.blocked?.reason).toBe('not-ours');
  });

  it('after its tags gets a new root file system beside the one it has', () => {
    const unfinished = aLiveContainer({ tags: ['proxnix', 'proxnix-pending'], status: 'stopped' });
    expect(onlyChange(aPlan({ guests: [aContainer()] }, [unfinished]))).toMatchObject({
      action: 'replace',
      incomplete: false,
    });
  });
});

it('cleans up the staging container that an interrupted replace left', () => {
  const staging = aLiveContainer(
    { tags: ['proxnix', 'proxnix-pending'], status: 'stopped', config: { description: stagingMarker(830) } },
    aContainer({ vmid: 900_000_830, name: 'proxnix-staging-830' }),
  );
  const plan = aPlan({ guests: [aContainer()] }, [aLiveContainer(), staging]);
  expect(onlyChange(plan)).toMatchObject({ action: 'clean-up', ownerVmid: 830 });
  expect(planSteps(plan)).toMatchObject([{ kind: 'discard', guestKind: 'container', vmid: 830, staging: true }]);
});
