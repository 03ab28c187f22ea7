import { expect, it } from 'vitest';
import { Newest } from '../../src/lib/streams.ts';

it('keeps the newest, by their number', () => {
  const newest = new Newest<number>({ count: 3, bytes: 1000 });
  for (let item = 1; item <= 10; item++) newest.add(item, 1);
  expect(newest.items()).toEqual([8, 9, 10]);
});

it('keeps the newest, by what they take', () => {
  const newest = new Newest<string>({ count: 100, bytes: 10 });
  for (const item of ['aaaa', 'bbbb', 'cccc']) newest.add(item, item.length);
  expect(newest.items()).toEqual(['bbbb', 'cccc']);
});

it('keeps the newest one whatever it takes: an error comes last', () => {
  const newest = new Newest<string>({ count: 100, bytes: 10 });
  newest.add('a', 1);
  newest.add('error', 5000);
  expect(newest.items()).toEqual(['error']);
});
