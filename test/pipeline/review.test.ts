import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { aBench } from '../support/pipeline.ts';
import { shaOf, threeVms } from './support/fleet.ts';

const lock = (rev: string, days: number) =>
  JSON.stringify({
    version: 7,
    root: 'root',
    nodes: {
      root: { inputs: { nixpkgs: 'nixpkgs' } },
      nixpkgs: { locked: { rev: rev.repeat(40), lastModified: Date.UTC(2026, 0, 5 - days) / 1000 } },
    },
  });

describe('the card of a plan', () => {
  it('names the commits since the last apply and the changed inputs with their age', async () => {
    const bench = await aBench();
    await bench.push(1, {}, { lock: lock('a', 21) });
    await bench.apply();
    bench.commit(2, {}, { subject: 'docs: say how', author: 'Rowan' });
    for (const n of [3, 4, 5, 6]) bench.commit(n, {}, { subject: `step ${n}`, author: 'Ada' });
    await bench.push(7, { images: { website: 'website 2' } }, { subject: 'the website', lock: lock('b', 0) });
    const text = bench.text();
    expect(text).toContain('with 0006c0f step 6, by Ada');
    expect(text).toContain('with 0003c0f step 3, by Ada');
    expect(text.split('[Approve]')[0]).not.toContain('docs: say how');
    expect(text).toContain('and 1 earlier commit');
    expect(text).toContain('Input: nixpkgs aaaaaaa (3 weeks) -> bbbbbbb (today)');
    const file = bench.message(bench.run('planned').id).cards.at(-1)?.files[0]?.text ?? '';
    expect(file).toContain(`- ${shaOf(2).slice(0, 12)} docs: say how (Rowan)`);
    expect(file).toContain('- nixpkgs aaaaaaa (2025-12-15) -> bbbbbbb (2026-01-05)');
  });

  it('names no other commit where the push is the only one, and where nothing was applied', async () => {
    const bench = await aBench();
    await bench.push(1);
    expect(bench.run('planned').review).not.toHaveProperty('commits');
    await bench.apply();
    await bench.push(2, { images: { website: 'website 2' } });
    expect(bench.run('planned').review?.commits?.all).toBe(1);
    expect(bench.text()).not.toMatch(/\bwith 0|earlier commit/);
  });

  it('says that the images read the whole repository where a README alone changed every one', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const images = { website: 'website 2', database: 'database 2', init: 'init 2' };
    await bench.push(2, { images }, { files: ['README.md'] });
    expect(bench.text()).toContain('Every image changed, and the commits since the last apply changed only README.md.');
  });

  it('tells how long the guest was away the last time, what is built, and how much is uploaded', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    await bench.push(2, { images: { website: 'website 2' } });
    expect(bench.text()).not.toContain('restarts once, about');
    expect(bench.text()).toMatch(/Builds 1 image · uploads about \d/);
    await bench.apply();
    await bench.push(3, { images: { website: 'website 3' } });
    expect(bench.text()).toContain('restarts once, about 1 s');
    expect(bench.text()).toMatch(/uploads about .* · run r-2 did as much in/);
  });

  it('tells where a guest that is destroyed can be reached', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    const { website: _, ...others } = threeVms();
    await bench.push(2, { vms: others });
    expect(bench.text()).toContain(
      `address ${await bench.cluster.address({ guestKind: 'vm', vmid: 823, node: 'pve1' })}`,
    );
  });

  it('does not wait for the address of a guest that hangs', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    let tell: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      tell = resolve;
    });
    bench.cluster.address = () => {
      tell();
      return new Promise(() => undefined);
    };
    const { website: _, ...others } = threeVms();
    const pushed = bench.push(2, { vms: others });
    await asked;
    await bench.clock.advance(3000);
    await pushed;
    expect(bench.run('planned').review?.addresses).toBeUndefined();
    expect(bench.text()).toContain('destroy 1');
  });

  it('leaves out what git cannot tell, and the plan is made', async () => {
    const bench = await aBench();
    await bench.push(1);
    await bench.apply();
    bench.git.unreadable = new UserError('The mirror is broken.');
    await bench.push(2, { images: { website: 'website 2' } });
    expect(bench.run('planned').review?.commits).toBeUndefined();
    expect(bench.logged).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'a part of a review could not be told' }),
    );
  });
});
