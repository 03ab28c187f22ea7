import { describe, expect, it } from 'vitest';
import { planSteps } from '../../src/core/steps.ts';
import { adviceText, count, counts, duration, guestName, stoppedBetween } from '../../src/views/parts.ts';
import { aBigPlan } from '../support/builders.ts';

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
