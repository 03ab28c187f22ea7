import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseTags } from '../../src/simulator/tags.ts';

describe('tags', () => {
  it('are stored in lower case, sorted, without doubles', () => {
    expect(normaliseTags('x;y;x;Z')).toBe('x;y;z');
    expect(normaliseTags('ok;with space UPPER,comma')).toBe('comma;ok;space;upper;with');
  });

  it('keep their case where the datacenter says so', () => {
    expect(normaliseTags('b;A', true)).toBe('A;b');
  });

  it('are one space when there is none', () => {
    expect(normaliseTags(';;;')).toBe(' ');
  });

  it('stay as they are the second time', () => {
    fc.assert(fc.property(fc.string(), (text) => normaliseTags(normaliseTags(text)) === normaliseTags(text)));
  });
});
