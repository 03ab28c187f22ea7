import { describe, expect, it } from 'vitest';
import type { AdoptChange } from '../../src/core/change.ts';
import type { Goal } from '../../src/core/goal.ts';
import type { LiveGuest } from '../../src/core/live.ts';
import { createPlan, runnable } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { applyPlan } from '../support/apply-plan.ts';
import { aGoal, aGuest, aLiveGuest, anImage, anUnreadContainer, anUnreadGuest, aState } from '../support/builders.ts';

const foreign = aLiveGuest({ tags: ['prod'], name: 'payroll' });
const goal = aGoal({ adopt: 823 });

function adoption(live: LiveGuest, change: Partial<Goal> = {}): AdoptChange {
  const [found, ...others] = createPlan({ ...goal, ...change }, aState([live])).changes;
  if (found?.action !== 'adopt' || others.length > 0) throw new Error('the plan is no adoption');
  return found;
}

describe('taking a guest over', () => {
  it('plans nothing but the tags, whatever else differs in the fleet', () => {
    const others = [aLiveGuest({}, aGuest({ vmid: 830, name: 'old' }))];
    const guests = [aGuest(), aGuest({ vmid: 824, name: 'new', key: 'new' })];
    const plan = createPlan(aGoal({ adopt: 823, guests }), aState([foreign, ...others]));
    expect(planSteps(plan)).toEqual([
      {
        id: '823 adopt',
        kind: 'adopt',
        guestKind: 'vm',
        vmid: 823,
        name: 'test-website',
        node: 'pve1',
        tags: 'prod;proxnix',
      },
    ]);
  });

  it('tells what the next plan would do, and that is what it does', async () => {
    const change = adoption(foreign);
    expect(change.next).toMatchObject({ action: 'replace', incomplete: false });
    expect(change.next).not.toHaveProperty('fromImage');
    const after = await applyPlan(aState([foreign]), createPlan(goal, aState([foreign])));
    const [next] = createPlan(aGoal(), after).changes;
    expect(next).toMatchObject({ action: 'replace', fields: change.next?.fields });
    expect(createPlan(goal, after).changes).toEqual([]);
  });

  it('keeps every tag, and so the root disk of a guest whose tags name the wanted image', () => {
    const nix = `nix-${anImage().storePath.slice(11, 43)}`;
    const change = adoption(aLiveGuest({ tags: [nix, 'prod'] }));
    expect(change.tags).toBe(`${nix};prod;proxnix`);
    expect(change.next).toMatchObject({ action: 'update', fields: [{ field: 'tags' }] });
    expect(adoption(aLiveGuest({ tags: [`nix-${'z'.repeat(32)}`] })).next).toMatchObject({ fromImage: 'z'.repeat(32) });
  });

  it('adds the tag of the fleet where there are several', () => {
    expect(adoption(foreign, { fleetTag: 'homelab' }).tags).toBe('fleet-homelab;prod;proxnix');
    const ofNone = aLiveGuest({ tags: ['proxnix'], name: 'other' });
    expect(adoption(ofNone, { fleetTag: 'homelab' }).tags).toBe('fleet-homelab;proxnix');
  });

  it('has nothing to do when the VMID is free or the guest is ours', () => {
    expect(createPlan(goal, aState()).changes).toEqual([]);
    expect(createPlan(goal, aState([aLiveGuest()])).changes).toEqual([]);
  });

  it('says when what comes next is blocked', () => {
    const change = adoption(foreign, { guests: [aGuest({ diskSlot: 'virtio0' })] });
    expect(change.blocked).toBeUndefined();
    expect(change.next?.blocked?.reason).toBe('disk');
  });

  it.each<[string, LiveGuest, Partial<Goal>, string]>([
    ['kind', anUnreadContainer({ tags: [] }), {}, 'VMID 823 is a container. Give website another vm_id.'],
    ['template', { ...foreign, template: true }, {}, 'VM 823 is a template; proxnix does not manage templates.'],
    ['not-ours', { ...foreign, tags: ['fleet-lab', 'proxnix'] }, {}, 'VM 823 is a guest of the fleet "lab".'],
    ['not-ours', { ...foreign, tags: ['fleet-lab'] }, {}, 'VM 823 is a guest of the fleet "lab".'],
    ['locked', { ...foreign, lock: 'backup' }, {}, 'VM 823 is locked (backup). Ask again when that is over.'],
    [
      'unreachable',
      anUnreadGuest({ tags: [] }),
      {},
      'The configuration of VM 823 on node pve1 cannot be read. Is the node down?',
    ],
    [
      'protected',
      aLiveGuest({ tags: [], config: { protected: true } }),
      {},
      'VM 823 is protected in Proxmox. Turn it off there: `qm set 823 --protection 0`.',
    ],
    [
      'protected',
      foreign,
      { guests: [aGuest({ protected: true })] },
      'The flake says protected = true. Set it to false to let proxnix take VM 823 over.',
    ],
  ])('is refused: %s', (reason, live, change, advice) => {
    expect(adoption(live, change).blocked).toEqual({ reason, advice });
    expect(runnable(createPlan({ ...goal, ...change }, aState([live])))).toEqual([]);
  });

  it('is refused for a guest that no UUID tells from another one', () => {
    const { uuid: _uuid, ...config } = foreign.config;
    expect(adoption({ ...foreign, config }).blocked?.advice).toContain('has no SMBIOS UUID');
  });
});
