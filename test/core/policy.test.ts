import { describe, expect, it } from 'vitest';
import {
  confirmationFor,
  exceedsMaxDestroy,
  isConfirmed,
  mayAct,
  mayApprove,
  mayReject,
} from '../../src/core/policy.ts';
import {
  aBigPlan,
  aCommit,
  ada,
  aGuest,
  aLiveGuest,
  anActor,
  aPlan,
  aPolicy,
  aRun,
  follow,
  grace,
  minute,
  t0,
} from '../support/builders.ts';

const now = t0 + 5 * minute;
const run = aRun('planned');
const { plan } = run;
const discord = { chat: 'discord', workspace: '9000', channel: '9001', id: '1', groups: [] } as const;
const slack = { chat: 'slack', workspace: 'T01', channel: 'C01', id: 'U99', groups: [] } as const;

function approving(
  actor = anActor(),
  policy = aPolicy(),
  of = run,
  lock = undefined as Parameters<typeof mayApprove>[4],
) {
  return mayApprove(of, plan.id, actor, policy, lock, now)?.code;
}

describe('who may decide', () => {
  it.each([
    ['a person of the console', anActor()],
    ['a Discord user', anActor({ ...discord, id: '2002' })],
    ['a Discord role', anActor({ ...discord, groups: ['5', '77'] })],
    ['a Slack user', anActor({ ...slack, id: 'U01' })],
    ['a Slack user group', anActor({ ...slack, groups: ['S01'] })],
  ])('may be %s, by id', (_, actor) => {
    expect(mayAct(actor, aPolicy())).toBeUndefined();
  });

  it.each([
    ['another person in the right place', anActor({ id: 'eve' })],
    ['a person with an approver’s name', anActor({ ...discord, name: 'Grace' })],
    ['a person whose id is the name of an approver', anActor({ ...discord, id: 'Grace', name: '2002' })],
    ['the same id in another chat', anActor({ ...slack, id: '2002' })],
    ['a group whose id is a user’s', anActor({ ...discord, groups: ['2002'] })],
    ['a user whose id is a role’s', anActor({ ...discord, id: '77' })],
    ['a role of Discord in Slack', anActor({ ...slack, groups: ['77'] })],
    ['a part of an id', anActor({ ...discord, id: '200' })],
    ['a console person with groups', anActor({ id: 'eve', groups: ['ada', '77', 'console:ada'] })],
    ['an id that spells an approver', anActor({ ...slack, id: 'ada', groups: ['user:U01'] })],
  ])('is not %s', (_, actor) => {
    expect(mayAct(actor, aPolicy())).toEqual({
      code: 'not-an-approver',
      text: 'You are not one of the approvers of this fleet.',
    });
  });

  it('is nobody when no approver is configured, and says so', () => {
    expect(mayAct(anActor(), aPolicy({ approvers: [] }))).toEqual({
      code: 'not-an-approver',
      text: 'Nobody may approve: APPROVERS is not set.',
    });
  });

  it.each([
    ['another guild', anActor({ ...discord, id: '2002', workspace: '9999' })],
    ['another channel', anActor({ ...discord, id: '2002', channel: '9999' })],
    ['a direct message', anActor({ ...discord, id: '2002', workspace: '', channel: '7' })],
    ['another workspace of Slack', anActor({ ...slack, id: 'U01', workspace: 'T02' })],
  ])('is not the right person in %s', (_, actor) => {
    expect(mayAct(actor, aPolicy())).toEqual({
      code: 'wrong-channel',
      text: 'This fleet is decided in its own channel, not here.',
    });
  });

  it('is nobody in a chat in which the fleet has no place', () => {
    const places = aPolicy().places.filter((place) => place.chat !== 'console');
    expect(mayAct(anActor(), aPolicy({ places }))?.code).toBe('wrong-channel');
  });
});

describe('an approval', () => {
  it('is taken from an approver who saw this plan, or named only the run', () => {
    expect(approving()).toBeUndefined();
    expect(mayApprove(run, undefined, anActor(), aPolicy(), undefined, now)).toBeUndefined();
  });

  it('is refused for another plan than the one that stands', () => {
    expect(mayApprove(run, 'p-000000', anActor(), aPolicy(), undefined, now)).toEqual({
      code: 'plan-drifted',
      text: 'Plan p-000000 is void: the cluster moved. The card shows the new plan.',
    });
  });

  it('is refused from the moment in which the plan expires', () => {
    expect(mayApprove(run, plan.id, anActor(), aPolicy(), undefined, run.expiresAt - 1)).toBeUndefined();
    expect(mayApprove(run, plan.id, anActor(), aPolicy(), undefined, run.expiresAt)?.code).toBe('plan-expired');
  });

  it('is refused while applies are locked, with who locked them and why', () => {
    const lock = { reason: 'storage migration', by: grace, at: t0 };
    expect(mayApprove(run, plan.id, anActor(), aPolicy(), lock, now)).toEqual({
      code: 'locked',
      text: 'Applies are locked by Grace: storage migration',
    });
    expect(mayReject(run, plan.id, anActor(), aPolicy(), now)).toBeUndefined();
  });

  it('is refused from the author of the commit only where that is set', () => {
    const authors = { Rowan: ['console:ada', 'discord:user:2002'] };
    expect(approving(anActor(), aPolicy({ authors }))).toBeUndefined();
    const strict = aPolicy({ authors, authorMayApprove: false });
    expect(mayApprove(run, plan.id, anActor(), strict, undefined, now)).toEqual({
      code: 'author-may-not-approve',
      text: 'You wrote this commit: somebody else has to approve it.',
    });
    expect(approving(anActor({ ...slack, id: 'U01' }), strict)).toBeUndefined();
  });

  it.each(['constructor', '__proto__', 'toString'])('stands with an author who is called %s', (author) => {
    const of = aRun('planned', plan, { commit: aCommit({ author }) });
    expect(approving(anActor(), aPolicy({ authorMayApprove: false }), of)).toBeUndefined();
  });

  it('counts once for each person, by chat and id', () => {
    const policy = aPolicy({ approvals: 2 });
    const two = { ...run, needed: 2, approvals: [{ by: ada, at: now }] };
    expect(mayApprove(two, plan.id, anActor({ name: 'Somebody else' }), policy, undefined, now)).toEqual({
      code: 'already-approved',
      text: 'You have approved this plan already; it needs somebody else as well.',
    });
    expect(approving(anActor({ ...discord, id: '2002', name: 'Ada' }), policy, two)).toBeUndefined();
  });

  it('says first that this is the wrong place, whatever else is wrong', () => {
    const actor = anActor({ id: 'eve', channel: 'elsewhere' });
    expect(mayApprove(aRun('expired'), plan.id, actor, aPolicy(), undefined, now)?.code).toBe('wrong-channel');
    expect(mayApprove(aRun('expired'), plan.id, anActor({ id: 'eve' }), aPolicy(), undefined, now)?.code).toBe(
      'not-an-approver',
    );
  });
});

describe('a run that cannot be decided', () => {
  it.each([
    [aRun('planning'), 'already-decided', 'Run r-41 is still planning.'],
    [aRun('queued'), 'already-approved', 'Run r-41 is queued already.'],
    [aRun('applying'), 'already-approved', 'Run r-41 is applying already.'],
    [aRun('applied'), 'already-approved', 'Run r-41 is applied already.'],
    [aRun('superseded'), 'plan-superseded', 'Run r-42 took the place of this plan.'],
    [aRun('expired'), 'plan-expired', 'This plan has expired. Plan again.'],
    [aRun('in-sync'), 'already-decided', 'Run r-41 is over (in-sync).'],
    [aRun('blocked'), 'already-decided', 'Run r-41 is over (blocked).'],
    [aRun('failed'), 'already-decided', 'Run r-41 is over (failed).'],
    [aRun('cancelled'), 'already-decided', 'Run r-41 is over (cancelled).'],
    [aRun('interrupted'), 'already-decided', 'Run r-41 is over (interrupted).'],
    [aRun('rejected'), 'already-decided', 'Run r-41 is over (rejected).'],
  ])('says why: $phase', (of, code, text) => {
    expect(mayApprove(of, plan.id, anActor(), aPolicy(), undefined, now)).toEqual({ code, text });
    expect(mayReject(of, plan.id, anActor(), aPolicy(), now)).toEqual({ code, text });
  });
});

describe('the destructive confirmation', () => {
  const live = [800, 801, 802].map((vmid) => aLiveGuest({}, aGuest({ vmid, name: `old-${vmid}` })));
  const kept = Array.from({ length: 12 }, (_, index) => aGuest({ vmid: 820 + index, name: `vm-${index}` }));
  const keeping = (many: number, destroys: number) =>
    aPlan({ guests: kept.slice(0, many) }, [
      ...live.slice(0, destroys),
      ...kept.slice(0, many).map((one) => aLiveGuest({}, one)),
    ]);

  it('is asked for nothing that destroys nothing', () => {
    expect(confirmationFor(aPlan(), {})).toBeUndefined();
    expect(exceedsMaxDestroy(aPlan(), { maxDestroy: 0 })).toBe(false);
  });

  it('is the name of the VM that is destroyed', () => {
    expect(confirmationFor(aBigPlan(), {})).toBe('test-old');
  });

  it('is a whole sentence when no VM is wanted any more', () => {
    expect(confirmationFor(keeping(0, 2), { maxDestroy: 10 })).toBe('destroy 2 guests of homelab');
  });

  it.each([
    [1, 1, undefined, false],
    [3, 2, undefined, true],
    [7, 2, undefined, true],
    [8, 2, undefined, false],
    [12, 3, undefined, false],
    [11, 3, undefined, true],
    [8, 2, 1, true],
    [1, 3, 3, false],
    [8, 1, 0, true],
  ])(
    'with %i kept, %i destroyed and maxDestroy %s exceeds what is usual: %s',
    (many, destroys, maxDestroy, exceeds) => {
      expect(exceedsMaxDestroy(keeping(many, destroys), { maxDestroy })).toBe(exceeds);
    },
  );

  it('does not count destroys that are blocked', () => {
    const guarded = aLiveGuest({ config: { protected: true } });
    expect(confirmationFor(aPlan({ guests: [] }, [guarded]), {})).toBeUndefined();
  });

  it.each([
    ['old-800', 'old-800', true],
    [' old-800\n', 'old-800', true],
    ['old-801, old-800', 'old-800 old-801', true],
    ['OLD-800', 'old-800', false],
    ['old-80', 'old-800', false],
    ['old-800 old-801', 'old-800', false],
    ['', 'old-800', false],
    ['destroy 2 guests of homelab', 'destroy 2 guests of homelab', true],
    ['destroy 3 guests of homelab', 'destroy 2 guests of homelab', false],
  ])('takes %j for %j: %s', (typed, wanted, ok) => {
    expect(isConfirmed(typed, wanted)).toBe(ok);
  });
});

describe('a rejection', () => {
  it('needs no unlocked fleet and is refused like an approval otherwise', () => {
    expect(mayReject(run, plan.id, anActor(), aPolicy(), now)).toBeUndefined();
    expect(mayReject(run, 'p-000000', anActor(), aPolicy(), now)?.code).toBe('plan-drifted');
    expect(mayReject(run, plan.id, anActor({ id: 'eve' }), aPolicy(), now)?.code).toBe('not-an-approver');
    const over = follow(run, { type: 'expired', at: now });
    expect(mayReject(over, plan.id, anActor(), aPolicy(), now)?.code).toBe('plan-expired');
  });
});
