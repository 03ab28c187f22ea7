import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from '../../src/core/nearest.ts';

const commands = ['plan', 'approve', 'reject', 'status', 'history', 'cancel', 'help'];

describe('the nearest word', () => {
  it.each([
    ['aprove', 'approve'],
    ['APPROVE', 'approve'],
    ['plna', 'plan'],
    ['stauts', 'status'],
    ['hist', 'history'],
    ['can', 'cancel'],
    ['help', 'help'],
  ])('for %s is %s', (word, meant) => {
    expect(nearest(word, commands)).toBe(meant);
  });

  it.each(['deploy', 'x', '', 'mumble'])('is none for "%s"', (word) => {
    expect(nearest(word, commands)).toBeUndefined();
  });

  it('is none for a word that nobody types, and none of a list without an end', () => {
    const long = 'x'.repeat(81);
    expect(nearest(long, [long])).toBeUndefined();
    expect(nearest('x'.repeat(70), [`y${long}`])).toBeUndefined();
    expect(
      nearest('plam', [...Array.from({ length: 1000 }, (_, index) => `other-name-${index}`), 'plan']),
    ).toBeUndefined();
  });

  it('is none among none', () => {
    expect(nearest('plan', [])).toBeUndefined();
  });

  it('is asked for in a sentence, or not at all', () => {
    expect(didYouMean('memory', ['memory_mb', 'cores'])).toBe(', did you mean "memory_mb"?');
    expect(didYouMean('colour', ['memory_mb', 'cores'])).toBe('');
  });
});
