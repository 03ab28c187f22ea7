import { describe, expect, it } from 'vitest';
import { createPlan, runnable } from '../../src/core/plan.ts';
import { confirmationFor } from '../../src/core/policy.ts';
import { planSteps } from '../../src/core/steps.ts';
import { readTags } from '../../src/core/tags.ts';
import { applyPlan } from '../support/apply-plan.ts';
import { aCommit, aGoal, aGuest, aLiveGuest, anImage, aPlan, aRun, aState } from '../support/builders.ts';

describe('what went wrong in the Rust daemon', () => {
  it('does not happen: an edited vm_id destroys no unrelated VM', async () => {
    const unrelated = aLiveGuest({ tags: [], name: 'payroll' }, aGuest({ vmid: 100 }));
    const after = await applyPlan(
      aState([unrelated, aLiveGuest()]),
      aPlan({ guests: [aGuest({ vmid: 100 })] }, [unrelated, aLiveGuest()]),
    );
    expect(after.guests.map((guest) => guest.vmid)).toEqual([100, 823]);
  });

  it('does not happen: protection also holds against removal from the flake', () => {
    const plan = aPlan({ guests: [] }, [aLiveGuest({}, aGuest({ protected: true }))]);
    expect(planSteps(plan)).toEqual([]);
  });

  it('does not happen: a guest whose disk was never made does not look done', () => {
    const kinds = planSteps(aPlan()).flatMap((step) =>
      'tags' in step ? [[step.kind, readTags([step.tags])] as const] : [],
    );
    expect(kinds.map(([kind, tags]) => [kind, tags.pending, tags.imageHash !== undefined])).toEqual([
      ['create', true, false],
      ['finish', false, true],
    ]);
  });

  it('does not happen: nothing is destroyed before everything else has worked', () => {
    const plan = aPlan({ guests: [aGuest({ vmid: 824 })] }, [aLiveGuest()]);
    const kinds = planSteps(plan).map((step) => step.kind);
    expect(kinds.indexOf('finish')).toBeLessThan(kinds.indexOf('stop'));
    expect(kinds.at(-1)).toBe('destroy');
  });

  it('does not happen: two sockets are written, and the diff ends', async () => {
    const goal = aGoal({ guests: [aGuest({ sockets: 2 })] });
    const live = aState([aLiveGuest()]);
    expect(createPlan(goal, await applyPlan(live, createPlan(goal, live))).changes).toEqual([]);
  });

  it('does not happen: only images that are needed are built', () => {
    const guests = [aGuest({ cores: 4 }), aGuest({ vmid: 824, name: 'other', image: anImage('b') })];
    const [build] = planSteps(aPlan({ guests }, [aLiveGuest()]));
    expect(build).toMatchObject({ kind: 'build', images: [anImage('b')] });
  });
});

describe('what went wrong in other tools', () => {
  it('does not happen: eleven VMs are not destroyed by one click', () => {
    const eleven = Array.from({ length: 11 }, (_, index) =>
      aLiveGuest({}, aGuest({ vmid: 500 + index, name: `vm-${index}` })),
    );
    const plan = aPlan({ guests: [aGuest()] }, eleven);
    expect(confirmationFor(plan, {})).toBe('destroy 11 guests of homelab');
    expect(aRun('planned', plan).phase).toBe('planned');
  });

  it('does not happen: VMIDs that were reused are not destroyed', () => {
    const reused = Array.from({ length: 11 }, (_, index) =>
      aLiveGuest({ tags: ['prod'] }, aGuest({ vmid: 500 + index })),
    );
    expect(aPlan({ guests: [] }, reused).changes).toEqual([]);
  });

  it('does not happen: a push that changes a README makes no plan void, one that changes a value does', () => {
    const goal = aGoal();
    const live = aState();
    const readme = createPlan({ ...goal, commit: aCommit({ sha: 'c'.repeat(40), subject: 'docs' }) }, live);
    const value = createPlan({ ...goal, guests: [aGuest({ cores: 3 })] }, live);
    const { changesDigest } = createPlan(goal, live);
    expect(readme.changesDigest).toBe(changesDigest);
    expect(value.changesDigest).not.toBe(changesDigest);
  });

  it('does not happen: a node that is down makes its guests neither gone nor new', () => {
    const { config: _, ...unread } = aLiveGuest({ node: 'pve2', status: 'unknown' });
    expect(runnable(aPlan({}, [unread]))).toEqual([]);
    expect(runnable(aPlan({ guests: [] }, [unread]))).toEqual([]);
  });
});
