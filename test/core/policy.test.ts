import { describe, expect, it } from 'vitest';
import type { Authorship } from '../../src/core/commit.ts';
import {
  type Actor,
  type Circumstances,
  confirmationFor,
  exceedsMaxDestroy,
  isConfirmed,
  mayAct,
  mayApprove,
  mayReject,
  mayView,
  type Policy,
} from '../../src/core/policy.ts';
import type { Run, Who } from '../../src/core/run.ts';
import {
  aBigPlan,
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

const nobody: Authorship = { signatures: [], complete: true };
const usual: Circumstances = { now, lock: undefined, onBranch: true, authorship: nobody };

/** What a person is told who approves; `undefined`: they may. */
function asking(
  about: { actor?: Actor; policy?: Partial<Policy>; of?: Run; planId?: string } & Partial<Circumstances> = {},
) {
  const { actor = anActor(), policy, of = run, planId = plan.id, ...circumstances } = about;
  return mayApprove(of, planId, actor, aPolicy(policy), { ...usual, ...circumstances });
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

describe('who may read', () => {
  it('is whoever is in the place of the fleet, where no viewer is named', () => {
    expect(mayView(anActor({ id: 'eve' }), aPolicy())).toBeUndefined();
    expect(mayView(anActor({ id: 'eve', channel: 'elsewhere' }), aPolicy())).toEqual({
      code: 'wrong-channel',
      text: 'This fleet is shown in its own channel, not here.',
    });
  });

  it('is a viewer or an approver, by id or group, where viewers are named', () => {
    const policy = aPolicy({ viewers: ['console:vera', 'discord:role:88'] });
    expect(mayView(anActor({ id: 'vera' }), policy)).toBeUndefined();
    expect(mayView(anActor({ ...discord, groups: ['88'] }), policy)).toBeUndefined();
    expect(mayView(anActor(), policy)).toBeUndefined();
    expect(mayView(anActor({ ...discord, id: '88' }), policy)).toEqual({
      code: 'not-a-viewer',
      text: 'You are not one of the viewers of this fleet.',
    });
    expect(mayView(anActor({ id: 'vera', workspace: 'other' }), policy)?.code).toBe('wrong-channel');
  });

  it('may decide nothing by that', () => {
    expect(mayAct(anActor({ id: 'vera' }), aPolicy({ viewers: ['console:vera'] }))?.code).toBe('not-an-approver');
  });
});

describe('an approval', () => {
  it('is taken from an approver who saw this plan', () => {
    expect(asking()).toBeUndefined();
  });

  it('is refused for another plan than the one that stands', () => {
    expect(asking({ planId: 'p-000000' })).toEqual({
      code: 'plan-drifted',
      text: 'Plan p-000000 is void: the cluster changed. The card shows the new plan.',
    });
  });

  it('is refused from the moment in which the plan expires', () => {
    expect(asking({ now: run.expiresAt - 1 })).toBeUndefined();
    expect(asking({ now: run.expiresAt })?.code).toBe('plan-expired');
  });

  it('is refused while applies are locked, with who locked them and why', () => {
    const lock = { reason: 'storage migration', by: grace, at: t0 };
    expect(asking({ lock })).toEqual({
      code: 'locked',
      text: 'Applying is locked by Grace: storage migration (/proxnix unlock allows it again)',
    });
    expect(mayReject(run, plan.id, anActor(), aPolicy(), now)).toBeUndefined();
  });

  it('says first that this is the wrong place, whatever else is wrong', () => {
    const of = aRun('expired');
    expect(asking({ of, actor: anActor({ id: 'eve', channel: 'elsewhere' }) })?.code).toBe('wrong-channel');
    expect(asking({ of, actor: anActor({ id: 'eve' }) })?.code).toBe('not-an-approver');
  });
});

describe('a commit that is not on the branch', () => {
  it('is refused, and so is one of which git cannot tell', () => {
    expect(asking({ onBranch: false })).toEqual({
      code: 'other-branch',
      text: 'Commit 9b1f2ad is not on main: merge it and plan again. ALLOW_OTHER_BRANCHES=true lets other branches be approved.',
    });
    expect(asking({ onBranch: undefined })).toEqual({
      code: 'other-branch',
      text: 'Whether commit 9b1f2ad is on main cannot be told: git did not answer. Plan again.',
    });
  });

  it('is approved where other branches are allowed, and may be rejected anywhere', () => {
    expect(asking({ onBranch: false, policy: { allowOtherBranches: true } })).toBeUndefined();
    expect(asking({ onBranch: undefined, policy: { allowOtherBranches: true } })).toBeUndefined();
    expect(mayReject(run, plan.id, anActor(), aPolicy(), now)).toBeUndefined();
  });

  it('does not matter where one guest alone is rolled back', () => {
    const back = aPlan({ rollback: { vmid: 823, retained: [] } });
    expect(asking({ of: aRun('planned', back), planId: back.id, onBranch: false })).toBeUndefined();
    const all = aPlan({ rollback: { retained: [] } });
    expect(asking({ of: aRun('planned', all), planId: all.id, onBranch: false })?.code).toBe('other-branch');
  });
});

describe('a quorum', () => {
  const first = (by: Who) => ({ ...run, needed: 2, approvals: [{ by, at: now }] });
  const una = anActor({ ...slack, id: 'U01', name: 'Una' });
  const una2 = anActor({ ...slack, id: 'U02', name: 'Uwe', groups: ['S01'] });

  it('counts once for each person, by chat and id', () => {
    expect(asking({ of: first(ada), actor: anActor({ name: 'Somebody else' }) })).toEqual({
      code: 'already-approved',
      text: 'You have approved this plan already; it needs somebody else as well.',
    });
    expect(asking({ of: first(una), actor: una2 })).toBeUndefined();
  });

  it('counts ids of two chats as one person while nobody says that they are two', () => {
    expect(asking({ of: first(ada), actor: una })).toEqual({
      code: 'unmapped-person',
      text: 'slack:user:U01 may be the same person as console:ada, who has approved this plan: map both in PEOPLE, or let somebody else approve where console:ada did.',
    });
  });

  it.each([
    ['one person of PEOPLE', { 'console:ada': 'ada', 'slack:user:U01': 'ada' }, 'already-approved'],
    ['two people of PEOPLE', { 'console:ada': 'ada', 'slack:user:U01': 'una' }, undefined],
    ['one of whom PEOPLE names', { 'console:ada': 'ada' }, 'unmapped-person'],
    ['a person who has another id there', { 'console:ada': 'ada', 'slack:user:U02': 'ada' }, undefined],
    ['names that every object has', { 'console:ada': 'constructor' }, 'unmapped-person'],
  ])('in two chats takes them for %s', (_, people, code) => {
    expect(asking({ of: first(ada), actor: una, policy: { people } })?.code).toBe(code);
  });

  it('of two ids of one chat is one person where PEOPLE says so', () => {
    const people = { 'slack:user:U01': 'una', 'slack:user:U02': 'una' };
    expect(asking({ of: first(una), actor: una2, policy: { people } })?.code).toBe('already-approved');
  });
});

describe('the author rule', () => {
  const signed = (...who: readonly (readonly [string, string])[]): Authorship => ({
    complete: true,
    signatures: who.map(([name, email]) => ({ name, email, sha: 'abcdef0123'.repeat(4) })),
  });
  const rowan = signed(['Rowan', 'rowan@example.org']);
  const ruled = (authorship: Authorship | undefined, authors: Policy['authors'], more: Partial<Policy> = {}) =>
    asking({ authorship, policy: { authorMayApprove: false, authors, ...more } });

  it('looks at nothing where it is off', () => {
    expect(asking({ authorship: rowan, policy: { authors: { Rowan: ['console:ada'] } } })).toBeUndefined();
    expect(asking({ authorship: undefined })).toBeUndefined();
  });

  it('refuses whoever wrote or committed anything, by name or address', () => {
    const refusal = {
      code: 'author-may-not-approve',
      text: 'You wrote or committed abcdef0: somebody else has to approve it.',
    };
    const others = { Grace: ['console:grace'], Eve: ['console:ada'] };
    expect(ruled(rowan, { Rowan: ['console:ada', 'discord:user:2002'] })).toEqual(refusal);
    expect(ruled(rowan, { 'rowan@example.org': ['console:ada'] })).toEqual(refusal);
    expect(ruled(signed(['Rowan', 'ROWAN@Example.org']), { 'rowan@example.org': ['console:ada'] })).toEqual(refusal);
    expect(ruled(signed(['Grace', 'g@x'], ['Eve', 'e@x']), others)).toEqual(refusal);
    expect(ruled(signed(['Grace', 'g@x']), { ...others, 'g@x': ['console:ada'] })).toEqual(refusal);
  });

  it('knows a person by their other ids', () => {
    const people = { 'console:ada': 'ada', 'slack:user:U77': 'ada' };
    expect(ruled(rowan, { Rowan: ['slack:user:U77'] }, { people })?.code).toBe('author-may-not-approve');
  });

  it('lets others approve, and does not count programs', () => {
    expect(ruled(rowan, { Rowan: ['console:rowan'] })).toBeUndefined();
    const merged = signed(['Rowan', 'rowan@example.org'], ['GitHub', 'noreply@github.com']);
    expect(ruled(merged, { Rowan: ['console:rowan'], 'noreply@github.com': [] })).toBeUndefined();
    expect(ruled(nobody, {})).toBeUndefined();
  });

  it('blocks everybody where an author is mapped to nobody, and says whom to map', () => {
    expect(ruled(rowan, {})).toEqual({
      code: 'unknown-author',
      text: 'Rowan <rowan@example.org>, who wrote or committed abcdef0, is mapped to nobody: add the name or the address to AUTHORS.',
    });
  });

  it('blocks an id that may be the author in another chat', () => {
    expect(ruled(rowan, { Rowan: ['slack:user:U77'] })).toEqual({
      code: 'unknown-author',
      text: "Rowan <rowan@example.org>, who wrote or committed abcdef0, may be you: map console:ada and the author's ids (slack:user:U77) in PEOPLE.",
    });
    const people = { 'console:ada': 'ada', 'slack:user:U77': 'rowan' };
    expect(ruled(rowan, { Rowan: ['slack:user:U77'] }, { people })).toBeUndefined();
  });

  it('blocks where not every commit could be looked at, or git cannot tell', () => {
    const authors = { Rowan: ['console:rowan'] };
    expect(ruled({ ...rowan, complete: false }, authors)?.code).toBe('unknown-author');
    expect(ruled(undefined, authors)?.code).toBe('unknown-author');
  });

  it.each(['constructor', '__proto__', 'toString'])('finds nobody by the name %s', (name) => {
    expect(ruled(signed([name, name]), {})?.code).toBe('unknown-author');
  });
});

describe('a run that cannot be decided', () => {
  it.each([
    [aRun('planning'), 'already-decided', 'Run r-41 is still planning.'],
    [aRun('queued'), 'already-approved', 'Run r-41 is queued already.'],
    [aRun('applying'), 'already-approved', 'Run r-41 is applying already.'],
    [aRun('applied'), 'already-decided', 'Run r-41 is over (applied).'],
    [aRun('superseded'), 'plan-superseded', 'Run r-42 took the place of this plan.'],
    [aRun('expired'), 'plan-expired', 'This plan has expired. Plan again.'],
    [aRun('in-sync'), 'already-decided', 'Run r-41 is over (in-sync).'],
    [aRun('blocked'), 'already-decided', 'Run r-41 is over (blocked).'],
    [aRun('failed'), 'already-decided', 'Run r-41 is over (failed).'],
    [aRun('cancelled'), 'already-decided', 'Run r-41 is over (cancelled).'],
    [aRun('interrupted'), 'already-decided', 'Run r-41 is over (interrupted).'],
    [aRun('rejected'), 'already-decided', 'Run r-41 is over (rejected).'],
  ])('says why: $phase', (of, code, text) => {
    expect(asking({ of })).toEqual({ code, text });
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
