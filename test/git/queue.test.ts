import { expect, it } from 'vitest';
import { Queue } from '../../src/git/queue.ts';

it('runs one task after the other, in the order of the calls', async () => {
  const queue = new Queue();
  const said: string[] = [];
  const task = (name: string) => async () => {
    said.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    said.push(`${name} ends`);
  };
  await Promise.all([queue.run(task('a')), queue.run(task('b'))]);
  expect(said).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

it('goes on after a task that failed, which only its caller learns', async () => {
  const queue = new Queue();
  const failing = queue.run(() => Promise.reject(new Error('no')));
  const next = queue.run(() => Promise.resolve(1));
  await expect(failing).rejects.toThrow('no');
  await expect(next).resolves.toBe(1);
});
