import { describe, expect, it } from 'vitest';
import { applyGroups, finalTagsOf, groupKey } from '../../src/core/run.ts';
import { planSteps } from '../../src/core/steps.ts';
import { stagingMarker } from '../../src/core/tags.ts';
import { aBigPlan, aCommit, aGuest, aLiveGuest, aPlan, aRun, follow, stepsDone, t0 } from '../support/builders.ts';

const pending = ['proxnix', 'proxnix-pending'];

describe('the groups of an apply', () => {
  const plan = aBigPlan();
  const groups = (...args: Parameters<typeof stepsDone>) => {
    const run = follow(aRun('applying', plan), ...stepsDone(...args));
    return 'steps' in run ? applyGroups(plan, run.steps) : [];
  };

  it('are the build, the uploads, and each guest with all its steps', () => {
    expect(groups(plan).map((group) => [group.action, group.vmid, group.steps.length])).toEqual([
      ...[['build', undefined, 1] as const, ['upload', undefined, 2] as const],
      ...[['create', 820, 6] as const, ['update', 821, 4] as const, ['replace', 822, 7] as const],
      ['destroy', 830, 2],
    ]);
  });

  it('are done, running or waiting by their steps', () => {
    expect(groups(plan, '820 start').map((group) => group.state)).toEqual([
      ...['done', 'done', 'running', 'waiting', 'waiting', 'waiting'],
    ]);
    expect(groups(plan).every((group) => group.state === 'done')).toBe(true);
  });

  it('last from the start of their first step to the end of their last', () => {
    const [build, uploads] = groups(plan);
    expect(build).toMatchObject({ startedAt: t0 + 120_000, endedAt: t0 + 124_000 });
    expect(uploads).toMatchObject({ startedAt: t0 + 124_000, endedAt: t0 + 132_000 });
  });

  it('have failed when a step failed, and when the bot died between two of their steps', () => {
    const interrupted = { type: 'interrupted', at: t0, notes: [] } as const;
    const between = follow(aRun('applying', plan), ...stepsDone(plan, '822 swap'), interrupted);
    expect('steps' in between && applyGroups(plan, between.steps).map((group) => group.state)).toEqual([
      ...['done', 'done', 'done', 'done', 'failed', 'not-started'],
    ]);
  });

  it('change between guests, between builds and uploads, and nowhere else', () => {
    const keys = planSteps(plan).map((step) => groupKey({ step }));
    const runs = keys.filter((key, index) => key !== keys[index - 1]);
    expect(runs).toEqual([...new Set(keys)]);
    expect(runs).toHaveLength(6);
  });

  it('tell the clean-up of a staging guest from the work on its owner', () => {
    const staging = aLiveGuest(
      { tags: pending, config: { description: stagingMarker(823) } },
      aGuest({ vmid: 900_000_823, name: 'proxnix-staging-823' }),
    );
    const both = aPlan({ guests: [aGuest({ cores: 4 })] }, [aLiveGuest(), staging]);
    const run = aRun('applying', both);
    expect(applyGroups(both, run.steps).map((group) => [group.action, group.vmid])).toEqual([
      ['update', 823],
      ['clean-up', 900_000_823],
    ]);
  });
});

describe('the final tags of a guest', () => {
  it('are those its last step wrote, in reading order, and none when it did not come to it', () => {
    const plan = aPlan({ fleetTag: 'homelab' });
    const done = aRun('applied', plan).steps;
    expect(finalTagsOf(done)).toEqual([
      ...['proxnix', 'nix-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', `commit-${aCommit().sha}`, 'fleet-homelab'],
    ]);
    expect(finalTagsOf(aRun('applying', plan).steps)).toBeUndefined();
    expect(finalTagsOf([])).toBeUndefined();
  });
});
