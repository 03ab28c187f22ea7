import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readRecording, recordedSystem } from '../../src/demo/recorded.ts';
import { nix } from '../builder/nix/here.ts';
import { record } from './record.ts';

const file = new URL('../../src/demo/recorded.json', import.meta.url);

describe.skipIf(nix?.system !== recordedSystem)('the recording', () => {
  it('is what Nix evaluates and builds (PROXNIX_RECORD=1 writes it anew)', async () => {
    const real = await record();
    if (process.env['PROXNIX_RECORD'] === '1') await writeFile(file, `${JSON.stringify(real, undefined, 2)}\n`);
    else expect(readRecording()).toEqual(real);
  });
});
