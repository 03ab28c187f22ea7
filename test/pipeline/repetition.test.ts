import { describe, expect, it, vi } from 'vitest';
import { withConfig } from '../fakes/cluster-guest.ts';
import { aBench, type Bench, owner } from '../support/pipeline.ts';
import { aForeignGuest, present, shaOf } from './support/fleet.ts';

async function ask(bench: Bench, line: string) {
  const answer = await bench.chat.command(line, owner);
  await bench.settle();
  return answer;
}

describe('a plan that is asked for again', () => {
  it('is the same card while it is open, compared with the cluster each time', async () => {
    const bench = await aBench();
    await bench.push(1);
    const [{ id }, messages] = [bench.run('planned'), bench.chat.messages.length];
    const reads = bench.cluster.reads;
    for (let time = 0; time < 3; time++) {
      expect(await ask(bench, '/proxnix plan')).toMatchObject({
        text: expect.stringContaining(`Run ${id} has the plan already.`),
      });
    }
    expect(bench.chat.messages).toHaveLength(messages);
    expect(bench.pipeline.runs()).toHaveLength(1);
    expect(bench.cluster.reads).toBe(reads + 3);
  });

  it('shows on that card what changed in the cluster since', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, { images: { website: 'website 2' } });
    const { id, plan } = bench.run('planned');
    bench.cluster.put(withConfig(present(bench.cluster.guest(822)), { memoryMb: 1024 }));
    await ask(bench, '/proxnix plan');
    expect(bench.run('planned', id).plan.id).not.toBe(plan.id);
    expect(bench.text(bench.message(id))).toContain('The cluster changed, earlier approvals are void');
  });

  it('edits the card of the plan before, where both find nothing to do, also over a restart', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const messages = bench.chat.messages.length;
    for (let time = 0; time < 3; time++) await ask(bench, '/proxnix plan');
    expect(bench.chat.messages).toHaveLength(messages + 1);
    await bench.restart();
    await bench.settle();
    expect(bench.chat.messages).toHaveLength(messages + 1);
    await bench.restart();
    await ask(bench, '/proxnix plan');
    expect(bench.chat.messages).toHaveLength(messages + 1);
    expect(bench.text()).toMatch(/^In sync: 0001c0f/);
  });

  it('is shown after a restart where the chat was down when nothing was to be done', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const down = vi.spyOn(bench.chat, 'show').mockRejectedValue(new Error('down'));
    await bench.chat.command('/proxnix plan', owner);
    await bench.settle();
    bench.run('in-sync');
    down.mockRestore();
    const messages = bench.chat.messages.length;
    await bench.restart();
    await bench.settle();
    expect(bench.chat.messages).toHaveLength(messages + 1);
  });

  it('is a card of its own when the one before is no longer in sight, and when the open plan has expired', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await ask(bench, '/proxnix plan');
    const messages = bench.chat.messages.length;
    bench.clock.jump(11 * 60_000);
    await ask(bench, '/proxnix plan');
    expect(bench.chat.messages).toHaveLength(messages + 1);
    await bench.push(2, { images: { website: 'website 2' } });
    const { id, expiresAt } = bench.run('planned');
    bench.clock.jump(expiresAt - bench.clock.now());
    await ask(bench, '/proxnix plan');
    expect(bench.run('planned').id).not.toBe(id);
  });

  it('is a card of its own for another commit, and where something differs', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await ask(bench, '/proxnix plan');
    const messages = bench.chat.messages.length;
    await bench.push(2);
    expect(bench.chat.messages).toHaveLength(messages + 1);
    await bench.push(3, { images: { website: 'website 2' } });
    expect(bench.chat.messages).toHaveLength(messages + 2);
  });
});

describe('adopt', () => {
  it('answers a name that the flake does not declare in private, and posts nothing', async () => {
    const bench = await aBench();
    await bench.push(1);
    const messages = bench.chat.messages.length;
    expect(await ask(bench, '/proxnix adopt test-wbsite')).toMatchObject({
      text: expect.stringMatching(
        /^The flake declares no guest "test-wbsite", did you mean "test-website"\? Declare it/,
      ),
    });
    expect(bench.chat.messages).toHaveLength(messages);
    expect(bench.pipeline.runs()).toHaveLength(1);
  });

  it('asks the flake where the head was in sync, and tells on a card what a head that is not known yet does not declare', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2);
    expect(bench.run('in-sync').commit?.sha).toBe(shaOf(2));
    expect(await ask(bench, '/proxnix adopt nobody')).toMatchObject({
      text: expect.stringContaining('declares no guest'),
    });
    bench.commit(3);
    expect(await ask(bench, '/proxnix adopt nobody')).toEqual({ kind: 'note', text: 'Planning as run r-3.' });
    expect(bench.run('failed').failure.message).toBe('The flake declares no guest "nobody".');
  });
});

describe('adopt of what needs no adoption', () => {
  it('is answered in private: the guest is managed, or there is none', async () => {
    const bench = await aBench();
    await bench.push(1);
    const messages = bench.chat.messages.length;
    expect(await ask(bench, '/proxnix adopt test-website')).toMatchObject({
      text: 'There is no guest 823 in the cluster to adopt. A plan creates test-website: /proxnix plan shows it.',
    });
    await bench.apply();
    expect(await ask(bench, '/proxnix adopt test-website')).toMatchObject({
      text: 'test-website (823) needs no adoption: proxnix manages it already.',
    });
    expect(bench.chat.messages).toHaveLength(messages);
  });
});

describe('suggestions', () => {
  const option = (complete: 'adoptable' | 'rollback') => ({ name: 'x', description: '', required: true, complete });

  it('of adopt are the guests that may be adopted', async () => {
    const bench = await aBench();
    expect(await bench.chat.complete('adopt', option('adoptable'), '', owner)).toEqual([]);
    bench.cluster.put(aForeignGuest(823));
    await bench.push(1);
    expect(await bench.chat.complete('adopt', option('adoptable'), '', owner)).toEqual(['test-website']);
  });

  it('of a rollback are the guests with a retained disk and the commits that were applied', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(await bench.chat.complete('rollback', option('rollback'), '', owner)).toEqual([]);
    await bench.apply();
    await bench.push(2, { images: { website: 'website 2' } });
    await bench.apply();
    const [first, ...commits] = await bench.chat.complete('rollback', option('rollback'), '', owner);
    expect(first).toBe('test-website');
    expect(commits).toEqual([shaOf(2).slice(0, 12), shaOf(1).slice(0, 12)]);
  });
});
