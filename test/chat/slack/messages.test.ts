import { describe, expect, it } from 'vitest';
import { readAddress, writeAddress } from '../../../src/chat/slack/messages.ts';

describe('an address', () => {
  it('is read as it was written', () => {
    for (const files of [[], ['3f2a9c01'], ['3f2a9c01', '77aa01bc']]) {
      const at = { channel: 'C0DEPLOY01', ts: '1795341360.000100', files };
      expect(readAddress(writeAddress(at))).toEqual(at);
    }
  });

  it('remembers the last eight files', () => {
    const files = Array.from({ length: 10 }, (_, index) => `0000000${index}`);
    expect(readAddress(writeAddress({ channel: 'C1', ts: '1.1', files }))?.files).toEqual(files.slice(2));
  });

  it('is nothing when we did not write it', () => {
    for (const text of ['', 'C0DEPLOY01', 'C0DEPLOY01:', 'c:1.1', 'C1:1', 'C1:1.1:', 'C1:1.1:xyz', 'C1:1.1 ', '1/2']) {
      expect(readAddress(text)).toBeUndefined();
    }
  });
});
