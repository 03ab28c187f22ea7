import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, hasEnded, IllegalTransition } from '../../src/core/advance.ts';
import type { Phase, RunEvent } from '../../src/core/run.ts';
import { planSteps } from '../../src/core/steps.ts';
import { aBigPlan, aCommit, ada, aPlan, aRun, follow, grace, minute, stepsDone, t0 } from '../support/builders.ts';

const plan = aPlan();
const at = t0 + 10 * minute;
const failure = { message: 'It broke.', details: [] };

/** One event of every type. */
const events: { readonly [Type in RunEvent['type']]: Extract<RunEvent, { type: Type }> } = {
  progressed: { type: 'progressed', activity: 'images' },
  'planning-begun': { type: 'planning-begun' },
  'commit-found': { type: 'commit-found', commit: aCommit({ sha: 'a'.repeat(40) }) },
  reviewed: { type: 'reviewed', review: {} },
  evaluated: { type: 'evaluated', warnings: ['The option a is old.'] },
  'in-sync': { type: 'in-sync', at },
  blocked: { type: 'blocked', plan, at },
  planned: { type: 'planned', plan, at, expiresAt: at + minute, needed: 1 },
  previewed: { type: 'previewed', plan, expiresAt: at + minute },
  closed: { type: 'closed', at },
  approved: { type: 'approved', approval: { by: grace, at } },
  rejected: { type: 'rejected', by: ada, at, reason: 'not today' },
  superseded: { type: 'superseded', byRun: 'r-42', at },
  expired: { type: 'expired', at },
  started: { type: 'started', steps: planSteps(plan), at },
  'step-started': { type: 'step-started', id: 'build', at },
  task: { type: 'task', id: 'build', upid: 'UPID:pve1:1:2:3:x:y:z:' },
  progress: { type: 'progress', id: 'build', text: '1 of 2', fraction: 0.5 },
  output: { type: 'output', id: 'build', line: 'hello' },
  'step-done': { type: 'step-done', id: 'build', at },
  'cancel-asked': { type: 'cancel-asked', by: ada },
  cancelled: { type: 'cancelled', at },
  applied: { type: 'applied', at, addresses: {} },
  failed: { type: 'failed', failure, at },
  interrupted: { type: 'interrupted', at, notes: ['one'] },
};

const toPhase: Partial<Record<Phase, Partial<Record<RunEvent['type'], Phase>>>> = {
  planning: {
    ...{
      progressed: 'planning',
      'planning-begun': 'planning',
      'commit-found': 'planning',
      evaluated: 'planning',
      reviewed: 'planning',
      'in-sync': 'in-sync',
      blocked: 'blocked',
    },
    ...{ planned: 'planned', failed: 'failed', superseded: 'superseded' },
  },
  previewed: { 'commit-found': 'planning', closed: 'closed' },
  planned: {
    ...{ approved: 'queued', planned: 'planned', 'in-sync': 'in-sync', blocked: 'blocked', rejected: 'rejected' },
    ...{ superseded: 'superseded', expired: 'expired', failed: 'failed' },
  },
  queued: {
    ...{ started: 'applying', planned: 'planned', 'in-sync': 'in-sync', blocked: 'blocked', rejected: 'rejected' },
    ...{ superseded: 'superseded', failed: 'failed' },
  },
  applying: {
    ...{ 'step-started': 'applying', task: 'applying', progress: 'applying', output: 'applying' },
    ...{ 'step-done': 'applying', 'cancel-asked': 'applying', failed: 'failed', interrupted: 'interrupted' },
  },
};

const phases: readonly Phase[] = [
  ...(['planning', 'planned', 'queued', 'applying', 'in-sync', 'blocked', 'applied', 'failed', 'cancelled'] as const),
  ...(['interrupted', 'rejected', 'superseded', 'expired', 'previewed', 'closed'] as const),
];
const table = phases.flatMap((phase) =>
  Object.values(events).map((event) => ({ phase, event, type: event.type, to: toPhase[phase]?.[event.type] })),
);

describe('a run', () => {
  it.each(table.filter(({ to }) => to !== undefined))(
    'that is $phase becomes $to by "$type"',
    ({ phase, event, to }) => {
      expect(advance(aRun(phase, plan), event).phase).toBe(to);
    },
  );

  it.each(table.filter(({ to }) => to === undefined))('that is $phase takes no "$type"', ({ phase, event, type }) => {
    const run = aRun(phase, plan);
    expect(() => advance(run, event)).toThrow(new IllegalTransition(run, event));
    expect(() => advance(run, event)).toThrow(`Run r-41 is ${phase}: it takes no "${type}".`);
  });

  it.each(phases)('has ended or not when it is %s, and takes no event when it has', (phase) => {
    const open = ['planning', 'planned', 'previewed', 'queued', 'applying'].includes(phase);
    expect(hasEnded(aRun(phase, plan))).toBe(!open);
  });

  it('that has ended takes no event, whatever happened before', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...Object.values(events)), { maxLength: 40 }), (story) => {
        let run = aRun('planning', plan) as Parameters<typeof advance>[0];
        for (const event of story) {
          const ended = hasEnded(run);
          try {
            run = advance(run, event);
            expect(ended).toBe(false);
          } catch (error) {
            expect(error).toBeInstanceOf(IllegalTransition);
          }
        }
      }),
    );
  });

  it('keeps what its evaluation warned of, and forgets it with another commit', () => {
    const warned = advance(aRun('planning', plan), events.evaluated);
    const run = advance(advance(advance(warned, events.planned), events.approved), events.started);
    expect(run.warnings).toEqual(['The option a is old.']);
    expect(advance(warned, events['commit-found']).warnings).toBeUndefined();
  });

  it('keeps who it is through its whole life', () => {
    for (const phase of phases) {
      const { id, fleet, branch, startedAt } = aRun('planning', plan);
      const { trigger } = phase === 'closed' ? aRun('previewed', plan) : aRun(phase, plan);
      expect(aRun(phase, plan)).toMatchObject({ id, fleet, branch, trigger, startedAt });
    }
  });

  it('that is a preview is shown and closed, and never comes to what can be approved', () => {
    const run = { ...aRun('planning', plan), trigger: { kind: 'pull', number: 7 } } as const;
    expect(advance(run, events.previewed)).toMatchObject({ phase: 'previewed', preview: plan });
    expect(advance(run, events.closed).phase).toBe('closed');
    expect(advance(run, events.failed).phase).toBe('failed');
    for (const event of [events.planned, events['in-sync'], events.blocked, events.superseded]) {
      expect(() => advance(run, event), event.type).toThrow(IllegalTransition);
    }
    const again = advance(aRun('previewed', plan), events['commit-found']);
    expect(again).toMatchObject({ phase: 'planning', commit: events['commit-found'].commit, ref: 'pull/7' });
    expect(again).not.toHaveProperty('preview');
  });

  it('that is no preview is never shown as one', () => {
    const run = aRun('planning', plan);
    for (const event of [events.previewed, events.closed]) {
      expect(() => advance(run, event), event.type).toThrow(IllegalTransition);
    }
  });

  it('is not changed by an event, a new one is made', () => {
    const run = Object.freeze(aRun('applying', plan));
    advance(run, events['step-started']);
    expect(run.steps.every((state) => state.state === 'waiting')).toBe(true);
  });
});

describe('an approval', () => {
  const two = { ...aRun('planned', plan), needed: 2 };
  const byAda = { type: 'approved', approval: { by: ada, at } } as const;

  it('that is not the last one needed leaves the plan open', () => {
    const run = advance(two, byAda);
    expect(run).toMatchObject({ phase: 'planned', approvals: [{ by: ada, at }] });
    expect(advance(run, events.approved)).toMatchObject({
      ...{ phase: 'queued', needed: 2, queuedAt: at },
      approvals: [{ by: ada }, { by: grace }],
    });
  });

  it('of the same person, under any name, is a double click', () => {
    const again = { type: 'approved', approval: { by: { ...ada, name: 'Adele' }, at: at + 1 } } as const;
    expect(() => follow(two, byAda, again)).toThrow(IllegalTransition);
  });

  it('of the same id in another chat is another person', () => {
    const other = { type: 'approved', approval: { by: { ...ada, chat: 'slack' }, at } } as const;
    expect(follow(two, byAda, other).phase).toBe('queued');
  });

  it('is void when the cluster moved, also after it was the last one', () => {
    const moved = { ...events.planned, clusterChanges: ['x moved'], needed: 2 };
    const blank = { phase: 'planned', approvals: [], needed: 2, clusterChanges: ['x moved'], plannedAt: at };
    expect(follow(two, byAda, moved)).toMatchObject(blank);
    expect(follow(two, byAda, events.approved, moved)).toMatchObject(blank);
  });

  it('is of a plan whose cost is told no more when the cluster moved', () => {
    const review = { cost: { like: { run: 'r-1', ms: 1000 } }, addresses: { 830: '10.0.0.30' } };
    const moved = { ...events.planned, clusterChanges: ['x moved'] };
    expect(follow({ ...two, review }, moved).review).toEqual({ addresses: review.addresses });
  });

  it('that comes second when one is enough is refused: two people make one run', () => {
    expect(() => follow(aRun('planned', plan), byAda, events.approved)).toThrow(IllegalTransition);
  });
});

describe('an apply', () => {
  const big = aBigPlan();
  const applying = aRun('applying', big);
  const until = (id: string) => follow(applying, ...stepsDone(big, id), { type: 'step-started', id, at });
  const states = (run: ReturnType<typeof follow>) => ('steps' in run ? run.steps.map((one) => one.state) : []);

  it('moves its steps one by one', () => {
    const run = follow(applying, events['step-started'], events.task, events.progress, events.output);
    expect('steps' in run && run.steps[0]).toMatchObject({
      ...{ state: 'running', startedAt: at, upid: 'UPID:pve1:1:2:3:x:y:z:', output: ['hello'] },
      progress: { text: '1 of 2', fraction: 0.5 },
    });
    const done = advance(run, events['step-done']);
    expect('steps' in done && done.steps[0]).toMatchObject({ state: 'done', endedAt: at });
  });

  it('keeps the newest thirty lines of a step', () => {
    const lines = Array.from({ length: 35 }, (_, index) => ({ ...events.output, line: `line ${index}` }));
    const run = follow(applying, ...lines);
    const [first] = 'steps' in run ? run.steps : [];
    expect(first?.output).toHaveLength(30);
    expect(first?.output.at(0)).toBe('line 5');
    expect(first?.output.at(-1)).toBe('line 34');
  });

  it('is applied only when every step is done', () => {
    expect(() => advance(until('830 destroy'), events.applied)).toThrow(IllegalTransition);
    const done = follow(applying, ...stepsDone(big));
    expect(advance(done, { ...events.applied, addresses: { 820: '10.0.0.20' } })).toMatchObject({
      ...{ phase: 'applied', endedAt: at, addresses: { 820: '10.0.0.20' }, approvals: [{ by: ada }] },
    });
  });

  it('that fails says which step failed and that the rest was not started', () => {
    const run = advance(until('821 configure'), events.failed);
    expect(states(run).filter((state) => state === 'failed')).toHaveLength(1);
    expect(states(run).slice(-3)).toEqual(['not-started', 'not-started', 'not-started']);
    expect(run).toMatchObject({ phase: 'failed', failure, applying: { plan: big, approvals: [{ by: ada }] } });
  });

  it('that was cut off says the same, with what was read back', () => {
    const run = advance(until('822 swap'), events.interrupted);
    expect(run).toMatchObject({ phase: 'interrupted', notes: ['one'], plan: big });
    expect(states(run)).not.toContain('running');
    expect(states(run)).not.toContain('waiting');
  });

  it('is cancelled only by somebody who asked, and only once', () => {
    expect(() => advance(applying, events.cancelled)).toThrow(IllegalTransition);
    const asked = advance(applying, events['cancel-asked']);
    expect(() => advance(asked, { type: 'cancel-asked', by: grace })).toThrow(IllegalTransition);
    expect(advance(asked, events.cancelled)).toMatchObject({ phase: 'cancelled', cancelledBy: ada, endedAt: at });
  });

  it('that was asked to stop and comes to its end all the same is applied', () => {
    const run = follow(applying, events['cancel-asked'], ...stepsDone(big), events.applied);
    expect(run.phase).toBe('applied');
    expect(run).not.toHaveProperty('cancelledBy');
  });

  it('that was cancelled in a build leaves no step running', () => {
    const run = follow(until('build'), events['cancel-asked'], events.cancelled);
    expect(states(run)).not.toContain('running');
  });
});

describe('a run that ends without an apply', () => {
  it('keeps the plan and who said no, and why', () => {
    expect(advance(aRun('planned', plan), events.rejected)).toMatchObject({ plan, by: ada, reason: 'not today' });
    const { reason: _, ...silent } = events.rejected;
    expect(advance(aRun('queued', plan), silent)).not.toHaveProperty('reason');
  });

  it('keeps the run that took its place', () => {
    expect(advance(aRun('planning', plan), events.superseded)).toMatchObject({ byRun: 'r-42' });
    expect(advance(aRun('planned', plan), events.superseded)).toMatchObject({ byRun: 'r-42', plan });
  });

  it('keeps the run whose plan still stands', () => {
    expect(advance(aRun('planning', plan), { ...events['in-sync'], standing: 'r-40' })).toMatchObject({
      standing: 'r-40',
    });
  });

  it('failed without having touched anything has no apply', () => {
    for (const phase of ['planning', 'planned', 'queued'] as const) {
      const run = advance(aRun(phase, plan), events.failed);
      expect(run).toMatchObject({ phase: 'failed', failure, steps: [] });
      expect(run).not.toHaveProperty('applying');
    }
  });
});

describe('the attempts at planning a commit', () => {
  const begun = { type: 'planning-begun' } as const;

  it('are counted, and belong to the commit', () => {
    const run = follow(aRun('planning'), begun, begun);
    expect(run).toMatchObject({ phase: 'planning', attempts: 2 });
    const other = follow(run, { type: 'commit-found', commit: aCommit({ sha: 'b'.repeat(40) }) });
    expect(other).not.toHaveProperty('attempts');
    expect(follow(run, { type: 'failed', failure, at })).not.toHaveProperty('attempts');
  });
});

describe('what a step says, and a person', () => {
  it('is kept in short', () => {
    const long = 'x'.repeat(1_000_000);
    const run = follow(
      aRun('applying'),
      { type: 'output', id: 'build', line: long },
      { type: 'progress', id: 'build', text: long },
    );
    expect(JSON.stringify(run).length).toBeLessThan(JSON.stringify(aRun('applying')).length + 1000);
    const rejected = follow(aRun('planned'), { type: 'rejected', by: ada, at, reason: long });
    expect(rejected.phase === 'rejected' ? rejected.reason?.length : 0).toBeLessThan(2001);
  });
});
