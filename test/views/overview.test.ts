import { describe, expect, it } from 'vitest';
import { concerns, runRef, runTimes } from '../../src/views/overview.ts';
import { ada, aPlan, aRun, minute, t0 } from '../support/builders.ts';

describe('the times of a run', () => {
  it('tell of an open plan when it was made and when it expires', () => {
    const run = aRun('planned', aPlan(), { approvals: [{ by: ada, at: t0 + minute }] });
    expect(runTimes(run)).toEqual([
      { what: 'begun', at: run.startedAt },
      { what: 'planned', at: run.plannedAt },
      { what: 'approved by Ada', at: t0 + minute },
      { what: 'expires', at: run.expiresAt },
    ]);
  });

  it('tell of a run that failed when its apply began and when it ended', () => {
    const { plan, approvals, appliedFrom, ...base } = aRun('applying');
    const applying = { plan, approvals, appliedFrom };
    const failure = { message: 'no', details: [] };
    expect(
      runTimes({ ...base, phase: 'failed', failure, applying, endedAt: t0 + minute }).map(({ what }) => what),
    ).toEqual(['begun', ...approvals.map(({ by }) => `approved by ${by.name}`), 'apply begun', 'failed']);
  });

  it('tell of a run that never came to a plan when it began and ended', () => {
    expect(runTimes(aRun('in-sync')).map(({ what }) => what)).toEqual(['begun', 'in-sync']);
  });
});

it('a run is one line with its id, phase and begin', () => {
  const run = aRun('planned');
  expect(runRef(run)).toMatchObject({ id: run.id, phase: 'planned', at: run.startedAt });
  expect(runRef(run).text).toMatch(new RegExp(`^${run.id} planned `));
});

it('a run concerns the guests that its plan changes, not those that it cannot', () => {
  const run = aRun('planned');
  const [change] = run.plan.changes;
  expect(concerns(run, change?.vmid ?? 0)).toBe(true);
  expect(concerns(run, 999)).toBe(false);
  expect(concerns(aRun('in-sync'), change?.vmid ?? 0)).toBe(false);
});
