import { expect, it } from 'vitest';
import { readSize, toMib, writeSize } from '../../../src/cluster/proxmox/size.ts';

it.each([
  ['64M', 64 * 2 ** 20],
  ['528K', 528 * 2 ** 10],
  ['3000M', 3000 * 2 ** 20],
  ['1G', 2 ** 30],
  ['2T', 2 ** 41],
  ['1.5G', 1.5 * 2 ** 30],
  ['4096', 4096],
])('the size %s is %d bytes', (text, bytes) => {
  expect(readSize(text)).toBe(bytes);
});

it.each(['', 'big', '1P', '-1G', '1G,x'])('%j is no size', (text) => {
  expect(readSize(text)).toBeUndefined();
});

it('MiB are rounded up: a disk that is a little too large is too large', () => {
  expect(toMib(2 ** 30 + 1)).toBe(1025);
});

it.each([
  [3072 * 2 ** 20, '3G'],
  [3000 * 2 ** 20, '3000M'],
  [528 * 2 ** 10, '528K'],
  [2 ** 41, '2T'],
  [4097, '4097'],
])('%d bytes are written as Proxmox does, %s', (bytes, text) => {
  expect(writeSize(bytes)).toBe(text);
  expect(readSize(text)).toBe(bytes);
});
