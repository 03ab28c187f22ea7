import { describe, expect, it } from 'vitest';
import { diffGuest } from '../../src/core/diff.ts';
import type { DesiredContainer } from '../../src/core/guest.ts';
import type { KnownContainer, LiveContainerConfig } from '../../src/core/live.ts';
import { confirmationFor } from '../../src/core/policy.ts';
import { planSteps } from '../../src/core/steps.ts';
import { aContainer, aGuest, aLiveContainer, aLiveGuest, anImage, aPlan } from '../support/builders.ts';
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
    const found = plan(wanted({ storage: 'fast', image: anImage('b', 'container') }), live());
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
