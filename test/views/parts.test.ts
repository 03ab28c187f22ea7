import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { historyCard } from '../../src/views/answer-cards.ts';
import { commitOutcome } from '../../src/views/commit-status.ts';
import { runRef } from '../../src/views/overview.ts';
import { adviceText, count, counts, duration, guestName, stoppedBetween } from '../../src/views/parts.ts';
import { planText } from '../../src/views/plan-text.ts';
import { runCard } from '../../src/views/run-card.ts';
import { aBigPlan, aContext, aGuest, aLiveGuest, aPlan, aRun } from '../support/builders.ts';
import { cardText } from './card-text.ts';

describe('words', () => {
  it.each([
    [0, '0 s'],
    [4200, '4.2 s'],
    [9949, '9.9 s'],
    [52_000, '52 s'],
    [221_000, '3 min 41 s'],
    [3_900_000, '1 h 5 min'],
    [-5, '0 s'],
  ])('for %i ms are %s', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });

  it.each([9990, 59_600, 59_999, 3_599_999])('never say ten or sixty of the smaller unit: %i ms', (ms) => {
    expect(duration(ms)).not.toMatch(/\b60 (s|min)|\b10\.0 s/);
  });

  it('count one and several', () => {
    expect([count(1, 'VM'), count(3, 'VM'), count(0, 'VM'), count(2, 'entry', 'entries')]).toEqual([
      ...['1 VM', '3 VMs', '0 VMs', '2 entries'],
    ]);
  });

  it('name a guest and what happens', () => {
    expect(guestName({ name: 'test-website', vmid: 823 })).toBe('test-website (823)');
    expect(counts(aBigPlan().changes)).toBe('destroy 1, replace 1, update 1, create 1');
    expect(counts(aBigPlan().changes, 'done')).toBe('destroyed 1, replaced 1, updated 1, created 1');
    expect(counts([])).toBe('');
  });

  it.each([
    ['the full plan', (plan: Plan) => planText(plan)],
    ['the history', (plan: Plan) => cardText(historyCard([aRun('superseded', plan)]))],
    ['the page of the fleets', (plan: Plan) => runRef(aRun('planned', plan)).text],
    ['a plan', (plan: Plan) => runCard(aRun('planned', plan), aContext()).title],
    ['a plan that another one replaced', (plan: Plan) => runCard(aRun('superseded', plan), aContext()).title],
    ['a plan that expired', (plan: Plan) => runCard(aRun('expired', plan), aContext()).title],
    ['the status of a commit', (plan: Plan) => commitOutcome(aRun('planned', plan)).text],
  ])('tell of %s what is blocked as well', (_, text) => {
    const guests = [aGuest({ memoryMb: 4096 }), aGuest({ vmid: 824, name: 'held' })];
    const held = aLiveGuest({ vmid: 824, name: 'held', tags: [] });
    expect(text(aPlan({ guests }, [aLiveGuest(), held]))).toContain(': update 1, 1 blocked');
  });
});

describe('an apply whose bot stopped between two steps', () => {
  const steps = planSteps(aBigPlan());
  const upTo = (done: number) =>
    steps.map((step, index) => ({ step, state: index < done ? ('done' as const) : ('waiting' as const), output: [] }));

  it.each([
    [0, /^No step had started; nothing was changed\.$/],
    [1, /^build: done; the steps after it were not started\.$/],
    [steps.length - 1, / \(\d+\), .*: done; the steps after it were not started\.$/],
    [steps.length, /^Every step was done before the bot stopped\.$/],
  ])('says how far it came: %i steps', (done, words) => {
    expect(stoppedBetween(upTo(done))).toMatch(words);
  });
});

it('an advice has its commands as code, and everything else as it is', () => {
  expect(adviceText('Allow it: `qm unlock 100`, or wait.')).toEqual([
    'Allow it: ',
    { code: 'qm unlock 100' },
    ', or wait.',
  ]);
  expect(adviceText('one ` alone')).toEqual(['one ` alone']);
});
