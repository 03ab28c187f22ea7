import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSize, printSize, progressLine } from '../../src/simulator/sizes.ts';

describe('sizes', () => {
  it.each([
    [64 * 1024 ** 2, '64M'],
    [528 * 1024, '528K'],
    [1024 ** 3, '1G'],
    [3000 * 1024 ** 2, '3000M'],
    [1025, '1025'],
  ])('print %i bytes in the largest unit that divides', (bytes, text) => {
    expect(printSize(bytes)).toBe(text);
  });

  it('are read as they were printed', () => {
    fc.assert(fc.property(fc.nat(), (bytes) => parseSize(printSize(bytes)) === bytes));
  });

  it('make the progress line of the image tool', () => {
    expect(progressLine(6_710_886.4, 64 * 1024 ** 2)).toBe('transferred 6.4 MiB of 64.0 MiB (10.00%)');
    expect(progressLine(0, 1024 ** 3)).toBe('transferred 0.0 B of 1.0 GiB (0.00%)');
  });
});
