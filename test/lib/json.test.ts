import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isDeeperThan } from '../../src/lib/text.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

it('tells the depth of any JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat({ max: 6 }), (value, limit) => {
      expect(isDeeperThan(JSON.stringify(value), limit)).toBe(depthOf(value) > limit);
    }),
  );
});

it('counts no bracket inside a string', () => {
  expect(isDeeperThan(JSON.stringify({ a: '[[[["\\"{{{{\\' }), 1)).toBe(false);
});
