import { describe, expect, it } from 'vitest';
import { stagingMark } from '../../src/core/marks.ts';
import { stageKey, stagesOf } from '../../src/core/stages.ts';
import { planSteps } from '../../src/core/steps.ts';
import { aBigPlan, aGuest, aLiveGuest, aPlan, aRun, follow, stepsDone, t0 } from '../support/builders.ts';

const pending = ['proxnix', 'proxnix-pending'];

describe('the stages of an apply', () => {
  const plan = aBigPlan();
  const stages = (...args: Parameters<typeof stepsDone>) => {
    const run = follow(aRun('applying', plan), ...stepsDone(...args));
    return 'steps' in run ? stagesOf(plan, run.steps) : [];
  };

  it('are the build, the uploads, and each guest with all its steps', () => {
    expect(stages(plan).map((stage) => [stage.action, stage.vmid, stage.steps.length])).toEqual([
      ...[['build', undefined, 1] as const, ['upload', undefined, 2] as const],
      ...[['create', 820, 6] as const, ['update', 821, 4] as const, ['replace', 822, 7] as const],
      ['destroy', 830, 2],
    ]);
  });

  it('are done, running or waiting by their steps', () => {
    expect(stages(plan, '820 start').map((stage) => stage.state)).toEqual([
      ...['done', 'done', 'running', 'waiting', 'waiting', 'waiting'],
    ]);
    expect(stages(plan).every((stage) => stage.state === 'done')).toBe(true);
  });

  it('last from the start of their first step to the end of their last', () => {
    const [build, uploads] = stages(plan);
    expect(build).toMatchObject({ startedAt: t0 + 120_000, endedAt: t0 + 124_000 });
    expect(uploads).toMatchObject({ startedAt: t0 + 124_000, endedAt: t0 + 132_000 });
  });

  it('have failed when a step failed, and when the bot died between two of their steps', () => {
    const interrupted = { type: 'interrupted', at: t0, notes: [] } as const;
    const between = follow(aRun('applying', plan), ...stepsDone(plan, '822 swap'), interrupted);
    expect('steps' in between && stagesOf(plan, between.steps).map((stage) => stage.state)).toEqual([
      ...['done', 'done', 'done', 'done', 'failed', 'not-started'],
    ]);
  });

  it('change between guests, between builds and uploads, and nowhere else', () => {
    const keys = planSteps(plan).map((step) => stageKey({ step }));
    const runs = keys.filter((key, index) => key !== keys[index - 1]);
    expect(runs).toEqual([...new Set(keys)]);
    expect(runs).toHaveLength(6);
  });

  it('tell the clean-up of a staging guest from the work on its owner', () => {
    const staging = aLiveGuest(
      { tags: pending, config: { description: stagingMark(823) } },
      aGuest({ vmid: 900_000_823, name: 'proxnix-staging-823' }),
    );
    const both = aPlan({ guests: [aGuest({ cores: 4 })] }, [aLiveGuest(), staging]);
    const run = aRun('applying', both);
    expect(stagesOf(both, run.steps).map((stage) => [stage.action, stage.vmid])).toEqual([
      ['update', 823],
      ['clean-up', 900_000_823],
    ]);
  });
});
