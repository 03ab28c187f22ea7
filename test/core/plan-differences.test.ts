import { describe, expect, it } from 'vitest';
import type { Goal } from '../../src/core/goal.ts';
import type { LiveState } from '../../src/core/live.ts';
import { createPlan } from '../../src/core/plan.ts';
import { planDifferences } from '../../src/core/plan-differences.ts';
import { aGoal, aGuest, aLiveGuest, aNode, anUnreadGuest, aState } from '../support/builders.ts';

const updating = aGoal({ guests: [aGuest({ cores: 4 })] });
const there = aState([aLiveGuest()]);

function moved(goal: Goal, before: LiveState, after: LiveState): readonly string[] {
  const plan = createPlan(goal, before);
  return planDifferences(plan, createPlan(goal, after, plan));
}

describe('what moved between two plans', () => {
  it('is nothing when nothing moved', () => {
    expect(moved(updating, there, there)).toEqual([]);
  });

  it.each([
    [
      'memory edited by hand',
      { config: { memoryMb: 1, digest: 'x' } },
      'the configuration of test-website (823) changed',
    ],
    ['a tag', { tags: ['a', ...aLiveGuest().tags] }, 'the tags of test-website (823) changed'],
    ['a migration', { node: 'pve2' }, 'test-website (823) moved from pve1 to pve2'],
    ['another machine', { config: { uuid: 'x' } }, 'test-website (823) is another machine under the same VMID'],
    ['a lock', { lock: 'backup' }, 'test-website (823) is blocked now'],
    ['protection', { config: { protected: true } }, 'test-website (823) is blocked now'],
    ['the change itself', { config: { cores: 4 } }, 'test-website (823) needs no change any more'],
  ])('is said for %s', (_, live, sentence) => {
    expect(moved(updating, there, aState([aLiveGuest(live)]))).toEqual([sentence]);
  });

  it('is said for a guest that was deleted, and for a VMID that was taken', () => {
    expect(moved(updating, there, aState())).toEqual(['test-website (823) is gone']);
    expect(moved(updating, aState(), there)).toEqual(['VMID 823 is taken now']);
    expect(moved(aGoal(), there, aState())).toEqual(['test-website (823) needs a change now']);
  });

  it('does not call a guest on a node that went down another machine', () => {
    const down = aState([anUnreadGuest({ status: 'unknown' })]);
    expect(moved(updating, there, down)).toEqual(['test-website (823) is blocked now']);
    expect(moved(updating, down, there)).toEqual(['test-website (823) is not blocked any more']);
  });

  it('is said for a new guest that has to go elsewhere, or nowhere', () => {
    const both = [aNode(), aNode({ node: 'pve2', freeMemory: 1 })];
    const left = (node: string) =>
      aState(
        [],
        both.map((one) => ({ ...one, online: one.node === node })),
      );
    expect(moved(aGoal(), aState([], both), left('pve2'))).toEqual(['test-website (823) would go to pve2']);
    expect(moved(aGoal(), aState([], both), left('none'))).toEqual(['test-website (823) is blocked now']);
  });

  it('is said for a new guest whose node went down although the flake names it', () => {
    const goal = aGoal({ guests: [aGuest({ node: 'pve1' })] });
    expect(moved(goal, aState(), aState([], [aNode({ online: false })]))).toEqual([
      'test-website (823) is blocked now',
    ]);
  });

  it('names every guest, by VMID', () => {
    const goal = aGoal({ guests: [] });
    const two = aState([aLiveGuest({}, aGuest({ vmid: 900, name: 'b' })), aLiveGuest()]);
    expect(moved(goal, two, aState())).toEqual([
      'test-website (823) needs no change any more',
      'b (900) needs no change any more',
    ]);
  });
});
