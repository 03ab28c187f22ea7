import { describe, expect, it } from 'vitest';
import { factSchemas, type KnownImage, unknownFacts, withKnownImages } from '../../src/core/image-facts.ts';
import { someFacts } from '../support/facts.ts';

const known = (imageHash: string, more: Partial<KnownImage> = {}): KnownImage => ({
  ...{ imageHash, drvPath: `/nix/store/${imageHash}.drv`, facts: someFacts },
  ...more,
});

describe('the known images of a fleet', () => {
  it('are those that were evaluated now and those in use, each once and as it was told last', () => {
    const fresh = known('b', { facts: { release: '25.11' } });
    const images = withKnownImages([known('a'), known('b'), known('c')], [fresh], new Set(['a', 'b']));
    expect(images).toEqual([known('a'), fresh]);
    expect(withKnownImages(undefined, [fresh], new Set())).toEqual([fresh]);
  });

  it('take no more than 2 MiB; the oldest are forgotten first', () => {
    const packages = Array.from({ length: 2000 }, () => 'p'.repeat(299));
    const many = ['1', '2', '3', '4', '5'].map((hash) => known(hash, { facts: { packages } }));
    const kept = withKnownImages(many.slice(0, 3), many.slice(3), new Set(['1', '2', '3']));
    expect(kept.map(({ imageHash }) => imageHash)).toEqual(['3', '4', '5']);
  });
});

it('more keys than anybody reads are not known: their difference would be too long to be kept', () => {
  const user = (index: number) => ({ name: `u${index}`, wheel: false, password: false, keyFiles: [], keys: fifty });
  const fifty = Array.from({ length: 50 }, (_, index) => ({ name: `k${index}`, digest: 'x' }));
  const users = (count: number) => Array.from({ length: count }, (_, index) => user(index));
  expect(factSchemas.users.safeParse(users(20)).success).toBe(true);
  expect(factSchemas.users.safeParse(users(21)).success).toBe(false);
});

it('a fact that is absent is unknown, and one that is empty is not', () => {
  const { users: _, ...facts } = someFacts;
  expect(unknownFacts({ ...facts, timers: [] })).toEqual(['users']);
});
