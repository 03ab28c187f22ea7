import { describe, expect, it } from 'vitest';
import { qcow2HeaderBytes, readQcow2Header } from '../../src/builder/nix/image-file.ts';

/** The first bytes of files made by qemu-img 7.2: a plain one, `compat=0.10`, one with `-b`, one with `data_file`. */
const version3 =
  '514649fb000000030000000000000000000000000000001000000000040000000000000000000001000000000003000000000000' +
  '00010000000000010000000000000000000000000000000000000000000000000000000000000000000000000000000400000070';
const version2 =
  '514649fb000000020000000000000000000000000000001000000000400000000000000000000002000000000003000000000000' +
  '00010000000000010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000';
const backed =
  '514649fb000000030000000000000210000000010000001000000000040000000000000000000001000000000003000000000000' +
  '00010000000000010000000000000000000000000000000000000000000000000000000000000000000000000000000400000070';
const withDataFile =
  '514649fb000000030000000000000000000000000000001000000000008000000000000000000001000000000003000000000000' +
  '00010000000000010000000000000000000000000000000000000004000000000000000000000000000000000000000400000070';

describe('the header of a qcow2 file', () => {
  it('tells the virtual size, of version 3 and of version 2', () => {
    const alone = { backingFile: false, dataFile: false };
    expect(readQcow2Header(bytes(version3))).toEqual({ virtualSize: 64 * 1024 ** 2, ...alone });
    expect(readQcow2Header(bytes(version2))).toEqual({ virtualSize: 1024 ** 3, ...alone });
  });

  it('tells an image that reads from another file', () => {
    expect(readQcow2Header(bytes(backed))).toMatchObject({ backingFile: true, dataFile: false });
    expect(readQcow2Header(bytes(withDataFile))).toMatchObject({ backingFile: false, dataFile: true });
  });

  it('is read from where it lies in a larger buffer', () => {
    const larger = Buffer.concat([Buffer.alloc(7, 1), bytes(version3)]);
    expect(readQcow2Header(larger.subarray(7))?.virtualSize).toBe(64 * 1024 ** 2);
  });

  it.each([
    ['nothing', ''],
    ['a file too short', version3.slice(0, 140)],
    ['a raw disk', '00'.repeat(qcow2HeaderBytes)],
    ['the older format qcow', version3.replace('00000003', '00000001')],
    ['a version nobody knows', version3.replace('00000003', '00000004')],
  ])('is none for %s', (_, hex) => {
    expect(readQcow2Header(bytes(hex))).toBeUndefined();
  });

  it('is as long as it is asked for', () => {
    expect(bytes(version3)).toHaveLength(qcow2HeaderBytes);
  });
});

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
