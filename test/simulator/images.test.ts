import { describe, expect, it } from 'vitest';
import { readQcow2Head } from '../../src/simulator/images.ts';
import { makeQcow2 } from './replay/multipart.ts';

describe('the head of a qcow2 file', () => {
  it('holds the size a guest sees', () => {
    const head = readQcow2Head(makeQcow2(5 * 1024 ** 4));
    expect(head).toEqual({ version: 3, virtualSize: 5 * 1024 ** 4, hasBackingFile: false, hasDataFile: false });
  });

  it('says whether the file stands on another one', () => {
    expect(readQcow2Head(makeQcow2(1024, '/mnt/base.qcow2'))?.hasBackingFile).toBe(true);
  });

  it('says whether the data lies in another file', () => {
    const bytes = makeQcow2(1024);
    bytes.writeBigUInt64BE(4n, 72);
    expect(readQcow2Head(bytes)?.hasDataFile).toBe(true);
  });

  it('is not found in other files', () => {
    expect(readQcow2Head(Buffer.from('not a qcow2 image'))).toBeUndefined();
    expect(readQcow2Head(Buffer.alloc(200))).toBeUndefined();
    expect(readQcow2Head(Buffer.alloc(0))).toBeUndefined();
  });
});
