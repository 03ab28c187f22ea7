import { describe, expect, it } from 'vitest';
import { belongsTo } from '../../src/core/goal.ts';
import { createPlan } from '../../src/core/plan.ts';
import { aGoal, aGuest, aLiveGuest, anUnreadContainer, aPlan, aState } from '../support/builders.ts';
import { onlyChange } from './changes.ts';

describe('never the wrong VM', () => {
  it('touches nothing that is not tagged, in whatever way it resembles ours', () => {
    const strangers = [
      aLiveGuest({ tags: [] }, aGuest({ vmid: 900 })),
      aLiveGuest({ tags: ['proxnixed', 'nix-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'] }, aGuest({ vmid: 901 })),
      aLiveGuest({ tags: ['fleet-lab', 'proxnix'] }, aGuest({ vmid: 902 })),
      anUnreadContainer({ vmid: 903, tags: ['backup'] }),
    ];
    expect(aPlan({ guests: [] }, strangers).changes).toEqual([]);
  });

  it('plans another thing when a VMID is reused, also under the same name and tags', () => {
    const old = createPlan(aGoal({ guests: [] }), aState([aLiveGuest()]));
    const reused = aLiveGuest({ config: { uuid: 'another machine', digest: 'digest-823' } });
    expect(createPlan(old.goal, aState([reused]), old).digest).not.toBe(old.digest);
  });

  it('destroys neither the VM that an edited vm_id points to nor the one it replaces', () => {
    const foreign = aLiveGuest({ tags: ['prod'], name: 'payroll' }, aGuest({ vmid: 100 }));
    const plan = aPlan({ guests: [aGuest({ vmid: 100 })] }, [foreign, aLiveGuest()]);
    expect(plan.changes.map((one) => [one.action, one.vmid, one.blocked?.reason])).toEqual([
      ['destroy', 823, 'successor'],
      ['conflict', 100, 'not-ours'],
    ]);
  });

  it('tells guests with one name apart by their VMID', () => {
    const twin = aLiveGuest({}, aGuest({ vmid: 900 }));
    const plan = aPlan({}, [aLiveGuest(), twin]);
    expect(onlyChange(plan)).toMatchObject({ action: 'destroy', vmid: 900, movedTo: 823 });
  });

  it('has nothing left for a VM that was to be destroyed and is gone', () => {
    expect(aPlan({ guests: [] }, []).changes).toEqual([]);
  });

  it('moves its digest when somebody edits memory or tags, or migrates or deletes the guest', () => {
    const goal = aGoal({ guests: [aGuest({ cores: 4 })] });
    const plan = createPlan(goal, aState([aLiveGuest()]));
    const digest = (live: Parameters<typeof aLiveGuest>[0]) =>
      createPlan(goal, aState([aLiveGuest(live)]), plan).digest;
    const tags = ['keep', ...aLiveGuest().tags];
    const seen = [
      plan.digest,
      digest({ config: { memoryMb: 1024, digest: 'after the edit' } }),
      digest({ tags, config: { digest: 'after the tag' } }),
      digest({ node: 'pve2' }),
      createPlan(goal, aState(), plan).digest,
    ];
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('belongs to a fleet by tag where there are several, and to the only one where there is one', () => {
    const several = { fleet: 'Homelab', fleetTag: 'homelab' };
    expect(belongsTo({ fleet: 'Homelab' }, ['proxnix'])).toBe(true);
    expect(belongsTo({ fleet: 'Homelab' }, ['fleet-lab', 'proxnix'])).toBe(false);
    expect(belongsTo(several, ['fleet-homelab', 'proxnix'])).toBe(true);
    expect(belongsTo(several, ['proxnix'])).toBe(false);
    expect(belongsTo(several, ['fleet-homelab'])).toBe(false);
  });
});
