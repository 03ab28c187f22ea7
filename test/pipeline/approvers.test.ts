import { describe, expect, it } from 'vitest';
import { FakeChat } from '../fakes/chat.ts';
import { aBench, owner, second, stranger } from '../support/pipeline.ts';
import { begun, codesOf } from './support/answers.ts';
import { aForeignGuest, present } from './support/fleet.ts';

describe('who may approve', () => {
  it('is told in words and with a code to whoever may not, on every way in, and nothing moves', async () => {
    const bench = await aBench();
    await bench.push(1);
    const ways = [
      bench.press('approve', stranger),
      bench.press('reject', stranger),
      bench.chat.command('/proxnix approve 1', stranger),
      bench.chat.command('/proxnix reject 1 because', stranger),
      bench.chat.submit({ id: `px1:confirm:r-1:${bench.run('planned').plan.id}` }, { names: 'x' }, stranger),
      bench.chat.submit({ id: `px1:reject:r-1:${bench.run('planned').plan.id}` }, { reason: 'x' }, stranger),
    ];
    expect(codesOf(await Promise.all(ways))).toEqual(ways.map(() => 'not-an-approver'));
    await bench.settle();
    bench.run('planned');
    expect(bench.audit()).toContain('refused console:stranger not-an-approver');
    expect(bench.cluster.asked).toEqual([]);
  });

  it('is nobody while no approver is configured, and the card says so', async () => {
    const bench = await aBench({ policy: { approvers: [] } });
    await bench.push(1);
    expect(bench.text()).toContain('nobody may approve');
    expect(bench.buttons().map(({ action }) => action)).toEqual(['details']);
    const typed = `/proxnix approve r-1 ${bench.run('planned').plan.id}`;
    expect(await bench.chat.command(typed)).toMatchObject({ code: 'not-an-approver' });
  });

  it('depends on the place: another channel or workspace is refused', async () => {
    const bench = await aBench();
    await bench.push(1);
    const [button] = bench.buttons();
    for (const place of [
      { workspace: 'w-1', channel: 'c-2' },
      { workspace: 'w-2', channel: 'c-1' },
    ]) {
      expect(await bench.chat.press(present(button), owner, place)).toMatchObject({ code: 'wrong-channel' });
      expect(await bench.chat.command('/proxnix approve 1', owner, place)).toMatchObject({ code: 'wrong-channel' });
      expect(await bench.chat.command('/proxnix reject 1', owner, place)).toMatchObject({ code: 'wrong-channel' });
      expect(await bench.chat.command('/proxnix cancel 1', owner, place)).toMatchObject({ code: 'wrong-channel' });
    }
    bench.run('planned');
  });

  it('goes by ids: the same name in another chat is somebody else', async () => {
    const slack = new FakeChat({ name: 'slack', place: { workspace: 'T1', channel: 'C1' } });
    const bench = await aBench({
      chats: [new FakeChat(), slack],
      policy: {
        places: [
          { chat: 'console', workspace: 'w-1', channel: 'c-1' },
          { chat: 'slack', workspace: 'T1', channel: 'C1' },
        ],
      },
    });
    await bench.push(1);
    const [button] = bench.buttons();
    expect(await slack.press(present(button), { ...owner, chat: 'slack' })).toMatchObject({ code: 'not-an-approver' });
  });

  it('counts groups that the chat vouches for', async () => {
    const chat = new FakeChat({ name: 'slack', place: { workspace: 'T1', channel: 'C1' } });
    const bench = await aBench({
      chats: [chat],
      policy: {
        approvers: ['slack:group:S1'],
        places: [{ chat: 'slack', workspace: 'T1', channel: 'C1' }],
      },
    });
    await bench.push(1);
    const person = { chat: 'slack', id: 'U1', name: 'Una', groups: [] } as const;
    expect(await bench.press('approve', person)).toMatchObject({ code: 'not-an-approver' });
    expect(await bench.press('approve', { ...person, groups: ['S1'] })).toEqual({ kind: 'none' });
  });

  it('excludes the author where that is set', async () => {
    const bench = await aBench({ policy: { authorMayApprove: false, authors: { Ada: ['console:owner'] } } });
    await bench.push(1);
    expect(await bench.press('approve', owner)).toMatchObject({ code: 'author-may-not-approve' });
    expect(await bench.press('approve', second)).toEqual({ kind: 'none' });
  });
});

describe('a quorum of two', () => {
  it('waits for a second person, and counts one person once', async () => {
    const bench = await aBench({ policy: { approvals: 2 } });
    await bench.push(1);
    expect(await bench.press('approve', owner)).toEqual({ kind: 'none' });
    expect(await bench.press('approve', owner)).toMatchObject({ code: 'already-approved' });
    await bench.settle();
    expect(bench.text()).toContain('approvals 1 of 2');
    expect(begun(bench)).toBe(0);
    await bench.press('approve', second);
    await bench.settle();
    bench.run('applied');
    expect(begun(bench)).toBe(1);
    expect(bench.text()).toMatch(/Owner.*Second/);
  });

  it('remembers the first over a restart', async () => {
    const bench = await aBench({ policy: { approvals: 2 } });
    await bench.push(1);
    await bench.press('approve', owner);
    await bench.restart();
    await bench.settle();
    expect(bench.run('planned').approvals.map(({ by }) => by.id)).toEqual(['owner']);
    await bench.press('approve', second);
    await bench.settle();
    bench.run('applied');
  });

  it('begins at zero when the cluster moved', async () => {
    const bench = await aBench({ policy: { approvals: 2 } });
    await bench.push(1);
    await bench.press('approve', owner);
    bench.cluster.put(aForeignGuest(823));
    expect(await bench.press('approve', second)).toMatchObject({ code: 'plan-drifted' });
    await bench.settle();
    expect(bench.run('planned').approvals).toEqual([]);
    expect(bench.text()).toContain('approvals 0 of 2');
    expect(bench.cluster.asked).toEqual([]);
  });
});
