import { expect, it } from 'vitest';
import { LatestWins } from '../../../src/chat/discord/latest-wins.ts';

class TooFast extends Error {}

function aLane(sleep: () => Promise<void> = () => Promise.resolve()) {
  return new LatestWins<string>({ retryIn: (error) => (error instanceof TooFast ? 5 : undefined), sleep });
}

/** A job that ends when it is told to. */
function held(name: string, ran: string[]) {
  let end: (error?: Error) => void = () => undefined;
  const job = () => {
    ran.push(name);
    return new Promise<string>((resolve, reject) => {
      end = (error) => (error === undefined ? resolve(name) : reject(error));
    });
  };
  return { job, end: (error?: Error) => end(error) };
}

const ended = () => new Promise((resolve) => setImmediate(resolve));

it('runs one job at a time and the newest of those that wait', async () => {
  const ran: string[] = [];
  const lane = aLane();
  const first = held('1', ran);
  const last = held('3', ran);
  const all = [lane.run('a', first.job), lane.run('a', held('2', ran).job), lane.run('a', last.job)];
  first.end();
  await ended();
  last.end();
  expect(await Promise.all(all)).toEqual(['1', '3', '3']);
  expect(ran).toEqual(['1', '3']);
});

it('does not let keys wait for each other', async () => {
  const ran: string[] = [];
  const lane = aLane();
  void lane.run('a', held('a', ran).job);
  const b = held('b', ran);
  const done = lane.run('b', b.job);
  b.end();
  expect(await done).toBe('b');
});

it('after a wait runs the newest job for everybody', async () => {
  const ran: string[] = [];
  let awake: () => void = () => undefined;
  const lane = aLane(() => new Promise((resolve) => (awake = resolve)));
  const first = held('1', ran);
  const last = held('2', ran);
  const all = [lane.run('a', first.job)];
  first.end(new TooFast());
  await ended();
  all.push(lane.run('a', last.job));
  awake();
  await ended();
  last.end();
  expect(await Promise.all(all)).toEqual(['2', '2']);
  expect(ran).toEqual(['1', '2']);
});

it('hands a failure to those it concerns and goes on with the next', async () => {
  const ran: string[] = [];
  const lane = aLane();
  const first = held('1', ran);
  const next = held('2', ran);
  const failed = lane.run('a', first.job);
  const done = lane.run('a', next.job);
  first.end(new Error('gone'));
  await expect(failed).rejects.toThrow('gone');
  next.end();
  expect(await done).toBe('2');
});

it('tells those who wait when the waiting is ended', async () => {
  const lane = aLane(() => Promise.reject(new Error('stopped')));
  await expect(lane.run('a', () => Promise.reject(new TooFast()))).rejects.toThrow('stopped');
  expect(await lane.run('a', () => Promise.resolve('free again'))).toBe('free again');
});
