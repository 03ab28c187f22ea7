import { describe, expect, it } from 'vitest';
import { diskFull } from '../fakes/store.ts';
import { aBench, owner, second } from '../support/pipeline.ts';
import { begun, codesOf } from './support/answers.ts';
import { present } from './support/fleet.ts';

describe('Approve', () => {
  it('pressed twice at once begins one apply', async () => {
    const bench = await aBench();
    await bench.push(1);
    const answers = await Promise.all([bench.press('approve'), bench.press('approve')]);
    await bench.settle();
    expect(codesOf(answers)).toEqual(['none', 'already-approved']);
    bench.run('applied');
    expect(begun(bench)).toBe(1);
  });

  it('pressed by two people at once begins one apply', async () => {
    const bench = await aBench();
    await bench.push(1);
    const answers = await Promise.all([bench.press('approve', owner), bench.press('approve', second)]);
    await bench.settle();
    expect(codesOf(answers)).toEqual(['none', 'already-approved']);
    expect(begun(bench)).toBe(1);
  });

  it('pressed a thousand times at once begins one apply and looks at the cluster as often as one press', async () => {
    const bench = await aBench();
    await bench.push(1);
    const before = bench.cluster.reads;
    const answers = await Promise.all(Array.from({ length: 1000 }, () => bench.press('approve')));
    expect(codesOf(answers).filter((code) => code === 'none')).toHaveLength(1);
    await bench.settle();
    expect(begun(bench)).toBe(1);
    // Once for all presses, once more before the apply.
    expect(bench.cluster.reads - before).toBe(2);
  });

  it('in an old card of a run that was applied is refused, also after a restart', async () => {
    const bench = await aBench();
    await bench.push(1);
    const [button] = bench.buttons();
    await bench.apply();
    expect(await bench.chat.press(present(button))).toMatchObject({ code: 'already-decided' });
    await bench.restart();
    expect(await bench.chat.press(present(button))).toMatchObject({ code: 'already-decided' });
    expect(begun(bench)).toBe(1);
  });

  it('of a run that is not there is answered', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.press({ action: 'approve', runId: 'r-77' })).toMatchObject({ kind: 'note' });
    expect(await bench.chat.command('/proxnix approve r-77')).toMatchObject({ kind: 'note' });
  });

  it('for a plan that is not the one that was shown is refused', async () => {
    const bench = await aBench();
    await bench.push(1);
    const answer = await bench.chat.press({ action: 'approve', runId: 'r-1', planId: 'p-000000' });
    expect(answer).toMatchObject({ code: 'plan-drifted' });
    bench.run('planned');
  });

  it('is refused while applies are locked, and the reason stands on the card', async () => {
    const bench = await aBench();
    await bench.store.saveFleet('acme', { lock: { reason: 'holidays', by: second, at: 0 } });
    await bench.push(1);
    expect(bench.text()).toContain('holidays');
    expect(bench.buttons().map(({ action }) => action)).toEqual(['reject', 'details']);
    const typed = `/proxnix approve r-1 ${bench.run('planned').plan.id}`;
    expect(await bench.chat.command(typed)).toMatchObject({
      code: 'locked',
      text: expect.stringContaining('holidays'),
    });
    bench.run('planned');
  });

  it('answers with an error when the cluster cannot be read, and the plan stays open', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.cluster.failNext({ at: 'read', when: 'before', error: new Error('ECONNREFUSED') });
    expect(await bench.press('approve')).toMatchObject({ kind: 'note' });
    await bench.settle();
    bench.run('planned');
    await bench.apply();
    bench.run('applied');
  });
});

describe('Reject', () => {
  it('asks for a reason, closes the plan and says who and why', async () => {
    const bench = await aBench();
    await bench.push(1);
    const asked = await bench.press('reject');
    if (asked.kind !== 'form') throw new Error('a reason is asked for');
    bench.run('planned');
    expect(await bench.chat.submit(asked.form, { reason: 'not on a Friday' })).toEqual({ kind: 'none' });
    await bench.settle();
    expect(bench.run('rejected')).toMatchObject({ reason: 'not on a Friday', by: { id: 'owner' } });
    expect(bench.text()).toContain('not on a Friday');
    expect(bench.text()).toContain('Owner');
    expect(bench.audit()).toEqual(['rejected console:owner not on a Friday']);
    expect(await bench.chat.command('/proxnix approve 1')).toMatchObject({ code: 'already-decided' });
    expect(bench.cluster.asked).toEqual([]);
  });

  it('needs no reason', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.chat.command('/proxnix reject 1');
    expect(bench.run('rejected').reason).toBeUndefined();
  });

  it('and Approve at once: one of them wins', async () => {
    const bench = await aBench();
    await bench.push(1);
    const answers = await Promise.all([
      bench.press('approve', owner),
      bench.chat.command('/proxnix reject 1 no', second),
    ]);
    await bench.settle();
    expect(codesOf(answers).filter((code) => code === 'none')).toHaveLength(1);
    expect(begun(bench)).toBe(bench.run(bench.pipeline.run('r-1')?.phase ?? 'failed').phase === 'applied' ? 1 : 0);
  });

  it('is possible while applies are locked', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.store.saveFleet('acme', { lock: { reason: 'holidays', by: second, at: 0 } });
    expect(await bench.chat.command('/proxnix reject 1')).toEqual({ kind: 'none' });
  });
});

describe('a disk that is full at Approve', () => {
  for (const kind of ['run', 'audit'] as const) {
    it(`answers the press with an error and begins nothing, also not after a restart (${kind})`, async () => {
      const bench = await aBench();
      await bench.push(1);
      bench.store.fails = (write) => (write.kind === kind ? diskFull() : undefined);
      expect(await bench.press('approve')).toMatchObject({ kind: 'note', text: expect.stringContaining('error') });
      await bench.settle();
      expect(bench.pipeline.run('r-1')?.phase).toBe('planned');
      bench.store.fails = () => undefined;
      await bench.restart();
      await bench.settle();
      bench.run('planned');
      expect(bench.cluster.asked).toEqual([]);
      await bench.apply();
      bench.run('applied');
    });
  }
});

describe('an unusual form', () => {
  it('that proxnix did not make is answered', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.submit({ id: 'px1:confirm:r-1:../../' }, {})).toMatchObject({ kind: 'note' });
    bench.run('planned');
  });
});
