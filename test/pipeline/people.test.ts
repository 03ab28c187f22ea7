import { describe, expect, it } from 'vitest';
import type { Person } from '../../src/chat/chat.ts';
import { UserError } from '../../src/core/errors.ts';
import type { Policy } from '../../src/core/policy.ts';
import { FakeChat } from '../fakes/chat.ts';
import { aBench, type Bench, owner, second } from '../support/pipeline.ts';
import { aForeignGuest, aVm, commitOf, shaOf, threeVms } from './support/fleet.ts';

const una: Person = { chat: 'slack', id: 'U1', name: 'Una', groups: [] };
const uwe: Person = { chat: 'slack', id: 'U2', name: 'Uwe', groups: [] };

async function twoChats(policy: Partial<Policy>): Promise<{ bench: Bench; slack: FakeChat }> {
  const slack = new FakeChat({ name: 'slack', place: { workspace: 'T1', channel: 'C1' } });
  const bench = await aBench({
    chats: [new FakeChat(), slack],
    policy: {
      approvers: ['console:owner', 'console:second', 'slack:user:U1', 'slack:user:U2'],
      places: [
        { chat: 'console', workspace: 'w-1', channel: 'c-1' },
        { chat: 'slack', workspace: 'T1', channel: 'C1' },
      ],
      ...policy,
    },
  });
  await bench.push(1);
  return { bench, slack };
}

function press(bench: Bench, person: Person) {
  const { id, plan } = bench.run('planned');
  const chat = bench.chats.find(({ name }) => name === person.chat) ?? bench.chat;
  return chat.press({ action: 'approve', runId: id, planId: plan.id }, person);
}

describe('a quorum of two over two chats', () => {
  it('is not met by one person with an id in each', async () => {
    const { bench } = await twoChats({
      approvals: 2,
      people: { 'console:owner': 'ada', 'slack:user:U1': 'ada' },
    });
    expect(await press(bench, owner)).toEqual({ kind: 'none' });
    expect(await press(bench, una)).toMatchObject({ code: 'already-approved' });
    expect(await press(bench, second)).toEqual({ kind: 'none' });
    await bench.settle();
    bench.run('applied');
  });

  it('is not met by ids of two chats that nobody mapped: they may be one person', async () => {
    const { bench } = await twoChats({ approvals: 2 });
    expect(await press(bench, owner)).toEqual({ kind: 'none' });
    expect(await press(bench, una)).toMatchObject({
      code: 'unmapped-person',
      text: expect.stringMatching(/slack:user:U1.*console:owner.*PEOPLE/),
    });
    bench.run('planned');
    expect(await press(bench, second)).toEqual({ kind: 'none' });
    await bench.settle();
    bench.run('applied');
  });

  it('is met by two people of one chat without PEOPLE, and by two mapped people of two', async () => {
    const one = await twoChats({ approvals: 2 });
    expect(await press(one.bench, una)).toEqual({ kind: 'none' });
    expect(await press(one.bench, uwe)).toEqual({ kind: 'none' });
    const people = { 'console:owner': 'ada', 'slack:user:U2': 'uwe' };
    const two = await twoChats({ approvals: 2, people });
    expect(await press(two.bench, owner)).toEqual({ kind: 'none' });
    expect(await press(two.bench, uwe)).toEqual({ kind: 'none' });
    await two.bench.settle();
    two.bench.run('applied');
  });
});

describe('the author rule', () => {
  const rule = { authorMayApprove: false } as const;
  const signed = (n: number, author: string, email: string) =>
    commitOf(n, { author, authorEmail: email, committer: 'Forge', committerEmail: 'forge@example.org' });
  const ids = { Ada: ['console:owner'], Rowan: ['console:second'], 'forge@example.org': [] };

  /** Commit 1 by Rowan is applied; then two commits, of which the last is by Rowan as well. */
  async function since(
    authors: Policy['authors'],
    earlier: readonly [string, string],
    more: readonly string[] = [],
  ): Promise<Bench> {
    const approvers = ['console:owner', 'console:second', ...more];
    const bench = await aBench({ policy: { ...rule, authors, approvers } });
    bench.declare(1);
    bench.git.push(signed(1, 'Rowan', 'rowan@example.org'));
    bench.report();
    await bench.settle();
    await bench.press('approve', owner);
    await bench.settle();
    bench.run('applied');
    bench.declare(2);
    bench.declare(3, { vms: threeVms({ memory_mb: 4096 }) });
    bench.git.push(signed(2, ...earlier));
    bench.git.push(signed(3, 'Rowan', 'rowan@example.org'));
    bench.report();
    await bench.settle();
    expect(bench.run('planned').commit.sha).toBe(shaOf(3));
    return bench;
  }

  it('looks at every commit since the last apply', async () => {
    const bench = await since(ids, ['Ada', 'ada@example.org']);
    expect(await bench.press('approve', owner)).toMatchObject({
      code: 'author-may-not-approve',
      text: expect.stringContaining('0002c0f'),
    });
    expect(await bench.press('approve', second)).toMatchObject({ code: 'author-may-not-approve' });
  });

  it('goes by the address as well as by the name', async () => {
    const bench = await since({ ...ids, 'ada@example.org': ['console:owner'] }, ['Rowan', 'ADA@example.org']);
    expect(await bench.press('approve', owner)).toMatchObject({ code: 'author-may-not-approve' });
  });

  it('looks at the committer too', async () => {
    const bench = await aBench({ policy: { ...rule, authors: { ...ids, 'forge@example.org': ['console:owner'] } } });
    bench.declare(1);
    bench.git.push(signed(1, 'Rowan', 'rowan@example.org'));
    bench.report();
    await bench.settle();
    expect(await bench.press('approve', owner)).toMatchObject({ code: 'author-may-not-approve' });
  });

  it('looks at the head alone while nothing was ever applied', async () => {
    const bench = await aBench({ policy: { ...rule, authors: ids } });
    bench.declare(2);
    bench.git.push(signed(1, 'Ada', 'ada@example.org'));
    bench.git.push(signed(2, 'Rowan', 'rowan@example.org'));
    bench.report();
    await bench.settle();
    expect(await bench.press('approve', owner)).toEqual({ kind: 'none' });
  });

  it('counts from the last apply, not from a commit that was only found in sync', async () => {
    const bench = await since(ids, ['Rowan', 'rowan@example.org']);
    await bench.press('approve', owner);
    await bench.settle();
    bench.run('applied');
    bench.declare(4, { vms: threeVms({ memory_mb: 4096 }) });
    bench.git.push(signed(4, 'Ada', 'ada@example.org'));
    bench.report();
    await bench.settle();
    bench.run('in-sync');
    bench.declare(5, { vms: threeVms({ memory_mb: 8192 }) });
    bench.git.push(signed(5, 'Rowan', 'rowan@example.org'));
    bench.report();
    await bench.settle();
    expect(await bench.press('approve', owner)).toMatchObject({ code: 'author-may-not-approve' });
  });

  it('counts from no run that was about one guest alone: it applied nothing of its commit', async () => {
    const third = { ...owner, id: 'third' };
    const bench = await since(ids, ['Rowan', 'rowan@example.org'], ['console:third']);
    await bench.press('approve', owner);
    await bench.settle();
    const vms = { ...threeVms({ memory_mb: 4096 }), extra: aVm({ name: 'extra', vm_id: 824 }) };
    bench.cluster.put(aForeignGuest(824));
    bench.declare(4, { vms });
    bench.git.push(signed(4, 'Ada', 'ada@example.org'));
    await bench.chat.command('/proxnix adopt extra', third);
    await bench.settle();
    expect(await press(bench, third)).toEqual({ kind: 'none' });
    await bench.settle();
    expect(bench.run('applied').commit.sha).toBe(shaOf(4));
    bench.declare(5, { vms: { ...vms, website: aVm({ memory_mb: 8192 }) } });
    bench.git.push(signed(5, 'Rowan', 'rowan@example.org'));
    bench.report();
    await bench.settle();
    expect(await press(bench, owner)).toMatchObject({ code: 'author-may-not-approve' });
  });

  it('keeps the commit that was applied last, also when a force push drops it', async () => {
    const bench = await since(ids, ['Rowan', 'rowan@example.org']);
    expect(bench.git.pinned('applied')).toBe(shaOf(1));
  });

  it('blocks where an author is mapped to nobody, and says whom to map where', async () => {
    const bench = await since(ids, ['Eve', 'eve@example.org']);
    for (const person of [owner, second]) {
      expect(await bench.press('approve', person)).toMatchObject({
        code: person === owner ? 'unknown-author' : 'author-may-not-approve',
      });
    }
    expect(await bench.press('approve', owner)).toMatchObject({
      text: expect.stringMatching(/Eve <eve@example\.org>.*0002c0f.*AUTHORS/),
    });
    bench.run('planned');
  });

  it('blocks where git cannot tell who wrote what', async () => {
    const bench = await aBench({ policy: { ...rule, authors: ids, allowOtherBranches: true } });
    bench.declare(1);
    bench.git.push(signed(1, 'Rowan', 'rowan@example.org'));
    bench.report();
    await bench.settle();
    bench.git.unreadable = new UserError('The mirror is damaged.');
    expect(await bench.press('approve', owner)).toMatchObject({ code: 'unknown-author' });
  });
});
