import { describe, expect, it } from 'vitest';
import { FakeChat } from '../fakes/chat.ts';
import { aBench, type Bench, owner, second, stranger } from '../support/pipeline.ts';
import { aForeignGuest, present } from './support/fleet.ts';

const planOption = { name: 'plan', description: '', required: false, complete: 'plan' } as const;

/** The plan of r-1 becomes another one, which nobody was shown yet. */
async function movedUnseen(bench: Bench): Promise<{ readonly seen: string; readonly now: string }> {
  const seen = bench.run('planned').plan.id;
  bench.chat.down = true;
  bench.cluster.put(aForeignGuest(823));
  const button = present(bench.buttons().find(({ action }) => action === 'approve'));
  await bench.chat.press(button, second);
  await bench.settle();
  const now = bench.run('planned').plan.id;
  expect(now).not.toBe(seen);
  return { seen, now };
}

describe('a typed approval', () => {
  it('is for the plan that the person was shown, never for the one it is by then', async () => {
    const bench = await aBench();
    await bench.push(1);
    const { seen } = await movedUnseen(bench);
    expect(await bench.chat.command('/proxnix approve 1')).toMatchObject({
      code: 'plan-drifted',
      text: expect.stringContaining(seen),
    });
    bench.run('planned');
  });

  it('names its plan, and is void when that is another one', async () => {
    const bench = await aBench();
    await bench.push(1);
    const { seen } = await movedUnseen(bench);
    expect(await bench.chat.command(`/proxnix approve 1 ${seen}`)).toMatchObject({ code: 'plan-drifted' });
    expect(await bench.chat.command(`/proxnix reject 1 ${seen} no`)).toMatchObject({ code: 'plan-drifted' });
    bench.run('planned');
  });

  it('needs no plan where the card of it was shown', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.command('/proxnix approve 1')).toEqual({ kind: 'none' });
    await bench.settle();
    bench.run('applied');
  });

  it('is asked which plan it means where no card of it was shown, and shown what that is', async () => {
    const bench = await aBench();
    bench.chat.down = true;
    await bench.push(1);
    const { id } = bench.run('planned').plan;
    const asked = await bench.chat.command('/proxnix approve 1');
    expect(asked).toMatchObject({ kind: 'card', card: { title: `Which plan? Run r-1 has plan ${id} now` } });
    expect(JSON.stringify(asked)).toContain(`/proxnix approve r-1 ${id}`);
    expect(JSON.stringify(asked)).toContain('test-website');
    bench.run('planned');
    // Now it was shown.
    expect(await bench.chat.command('/proxnix approve 1')).toEqual({ kind: 'none' });
  });

  it('tells a stranger no plan', async () => {
    const bench = await aBench();
    bench.chat.down = true;
    await bench.push(1);
    expect(await bench.chat.command('/proxnix approve 1', stranger)).toMatchObject({ code: 'not-an-approver' });
  });

  it.each(['p-', 'p-12', 'p-12345', 'P-12345', 'p-xyzxyz', 'other'])('is refused with the plan %s', async (plan) => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.command(`/proxnix approve 1 ${plan}`)).toMatchObject({ code: 'needs-plan' });
    bench.run('planned');
  });

  it('is completed with what that person was shown last, in that chat', async () => {
    const slack = new FakeChat({ name: 'slack', place: { workspace: 'T1', channel: 'C1' } });
    const bench = await aBench({
      chats: [new FakeChat(), slack],
      policy: {
        approvers: ['console:owner', 'slack:user:U1'],
        places: [
          { chat: 'console', workspace: 'w-1', channel: 'c-1' },
          { chat: 'slack', workspace: 'T1', channel: 'C1' },
        ],
      },
    });
    slack.down = true;
    await bench.push(1);
    const { id } = bench.run('planned').plan;
    const una = { chat: 'slack', id: 'U1', name: 'Una', groups: [] } as const;
    const args = { run: '1' };
    expect(await bench.chat.complete('approve', planOption, '', owner, bench.chat.place, args)).toEqual([id]);
    expect(await slack.complete('approve', planOption, '', una, slack.place, args)).toEqual([]);
    await slack.press({ action: 'details', runId: 'r-1' }, una);
    expect(await slack.complete('approve', planOption, '', una, slack.place, args)).toEqual([id]);
  });
});

describe('a typed rejection', () => {
  it('is for the plan that was shown, and takes words that are no plan for its reason', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.command('/proxnix reject 1 not today')).toEqual({ kind: 'none' });
    expect(bench.run('rejected').reason).toBe('not today');
  });

  it('takes its plan before the reason, and no truncated one', async () => {
    const bench = await aBench();
    await bench.push(1);
    const { id } = bench.run('planned').plan;
    expect(await bench.chat.command(`/proxnix reject 1 ${id.slice(0, -1)} no`)).toMatchObject({ code: 'needs-plan' });
    expect(await bench.chat.command(`/proxnix reject 1 ${id} "no, thanks"`)).toEqual({ kind: 'none' });
    expect(bench.run('rejected').reason).toBe('no, thanks');
  });

  it('is void when the plan is another one', async () => {
    const bench = await aBench();
    await bench.push(1);
    await movedUnseen(bench);
    expect(await bench.chat.command('/proxnix reject 1 no')).toMatchObject({ code: 'plan-drifted' });
    bench.run('planned');
  });
});

describe('a button or form without a plan', () => {
  it('decides nothing', async () => {
    const bench = await aBench();
    await bench.push(1);
    for (const action of ['approve', 'reject'] as const) {
      expect(await bench.chat.press({ action, runId: 'r-1' })).toMatchObject({ code: 'needs-plan' });
    }
    for (const id of ['px1:confirm:r-1:', 'px1:reject:r-1:', 'px1:confirm:r-1:p-12345', 'px1:reject:r-1:p-1']) {
      expect(await bench.chat.submit({ id }, {})).toMatchObject({ code: 'needs-plan' });
    }
    bench.run('planned');
  });
});
