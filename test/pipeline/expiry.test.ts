import { describe, expect, it } from 'vitest';
import { aBench } from '../support/pipeline.ts';
import { codesOf } from './support/answers.ts';
import { gate, turn } from './support/clock.ts';

const dayMs = 24 * 60 * 60 * 1000;

describe('a plan that nobody decides', () => {
  it('is warned about in its thread once at four fifths of its time, and closed at its end', async () => {
    const bench = await aBench();
    await bench.push(1);
    const { plannedAt } = bench.run('planned');
    const to = async (time: number) => {
      await bench.clock.advance(plannedAt + time - bench.clock.now());
      await bench.settle();
    };
    await to(dayMs * 0.8 - 60_000);
    expect(bench.message('r-1').replies).toEqual([]);
    await to(dayMs * 0.8 + 60_000);
    await to(dayMs * 0.9);
    expect(bench.message('r-1').replies.map(({ title }) => title)).toEqual([expect.stringContaining('expires soon')]);
    await to(dayMs + 60_000);
    bench.run('expired');
    expect(bench.text()).toMatch(/^Expired/);
    expect(bench.buttons().map(({ action }) => action)).toEqual(['plan-again']);
  });

  it('can be approved one millisecond before it expires, and not at that moment', async () => {
    for (const [early, code] of [
      [1, 'none'],
      [0, 'plan-expired'],
    ] as const) {
      const bench = await aBench();
      await bench.push(1);
      bench.clock.jump(bench.run('planned').expiresAt - early - bench.clock.now());
      expect(codesOf([await bench.press('approve')])).toEqual([code]);
    }
  });

  it('expires while the cluster is looked at for a press: the press is refused', async () => {
    const bench = await aBench();
    await bench.push(1);
    const held = gate();
    bench.cluster.beforeRead = () => held.opened;
    bench.clock.jump(bench.run('planned').expiresAt - 5 - bench.clock.now());
    const answer = bench.press('approve');
    await turn();
    bench.clock.jump(5);
    held.open();
    expect(await answer).toMatchObject({ code: 'plan-expired' });
  });

  it('that expired while the bot was off is closed at its start', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.kill();
    bench.clock.jump(2 * dayMs);
    await bench.restart();
    await bench.settle();
    bench.run('expired');
    expect(bench.chat.messages).toHaveLength(1);
  });
});
