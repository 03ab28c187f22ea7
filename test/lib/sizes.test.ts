import { expect, it } from 'vitest';
import { sizeText } from '../../src/lib/text.ts';

it.each([
  [0, '0 B'],
  [512, '512 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [528 * 1024, '528.0 KiB'],
  [64 * 1024 ** 2, '64.0 MiB'],
  [2 ** 31, '2.0 GiB'],
  [2_040_109_465, '1.9 GiB'],
  [5 * 1024 ** 5, '5120.0 TiB'],
])('%i bytes are told as %s', (size, text) => {
  expect(sizeText(size)).toBe(text);
});
