import { describe, expect, it } from 'vitest';
import { finalTagsOf } from '../../src/core/outcome.ts';
import { aCommit, aPlan, aRun } from '../support/builders.ts';

describe('the final tags of a guest', () => {
  it('are those its last step wrote, in reading order, and none when it did not come to it', () => {
    const plan = aPlan({ fleetTag: 'homelab' });
    const done = aRun('applied', plan).steps;
    expect(finalTagsOf(done)).toEqual([
      ...['proxnix', 'nix-aaaaaaaa0123456789abcdfghijklmnp', `commit-${aCommit().sha}`, 'fleet-homelab'],
    ]);
    expect(finalTagsOf(aRun('applying', plan).steps)).toBeUndefined();
    expect(finalTagsOf([])).toBeUndefined();
  });
});
