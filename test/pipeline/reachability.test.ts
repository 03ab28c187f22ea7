import { expect, it, vi } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { Reachability } from '../../src/pipeline/reachability.ts';
import { aBench } from '../support/pipeline.ts';
import { ManualClock } from './support/clock.ts';

it('what was not used is unknown, and what answered answered then', async () => {
  const clock = new ManualClock();
  const reachability = new Reachability(clock);
  expect(reachability.of('Git', 'acme/fleet')).toEqual({ kind: 'Git', name: 'acme/fleet', state: 'unknown' });
  expect(await reachability.watch('Git', 'acme/fleet', async () => 5)).toBe(5);
  expect(reachability.of('Git', 'acme/fleet')).toMatchObject({ state: 'well', lastAt: clock.now() });
  expect(reachability.of('Git', 'acme/other').state).toBe('unknown');
});

it('what fails fails with its reason, in one line that is not long, and with when it answered last', async () => {
  const clock = new ManualClock();
  const reachability = new Reachability(clock);
  const lastAt = clock.now();
  reachability.note('Proxmox', 'home');
  await clock.advance(5000);
  const call = () =>
    reachability.watch('Proxmox', 'home', () => Promise.reject(new UserError(`no\nroute ${'x'.repeat(900)}`)));
  await expect(call()).rejects.toThrow('no');
  const { problem = '', ...found } = reachability.of('Proxmox', 'home');
  expect(found).toEqual({ kind: 'Proxmox', name: 'home', state: 'failing', lastAt });
  expect(problem).toMatch(/^no route x+/);
  expect(problem.length).toBeLessThanOrEqual(300);
});

it('a chat that refuses fails until it takes a card again, and git fails while it cannot be fetched', async () => {
  const bench = await aBench();
  const reached = async () =>
    Object.fromEntries((await bench.chat.overview()).reached.map(({ kind, state }) => [kind, state]));
  const show = vi.spyOn(bench.chat, 'show').mockRejectedValue(new Error('gone'));
  await bench.push(1);
  expect(await reached()).toMatchObject({ Chat: 'failing', Git: 'well' });
  show.mockRestore();
  await bench.clock.advance(60_000);
  await bench.settle();
  expect(await reached()).toMatchObject({ Chat: 'well' });
  vi.spyOn(bench.git, 'head').mockRejectedValueOnce(new UserError('the host key changed'));
  bench.report();
  await bench.settle();
  expect(await reached()).toMatchObject({ Git: 'failing' });
});
