import { describe, expect, it } from 'vitest';
import { createPlan, placeGuest } from '../../src/core/plan.ts';
import { aGoal, aGuest, aNode, aState, gib } from '../support/builders.ts';

const nodes = [
  aNode({ node: 'pve1', freeMemory: 4 * gib }),
  aNode({ node: 'pve2', freeMemory: 8 * gib }),
  aNode({ node: 'pve3', freeMemory: 64 * gib, storages: ['ceph'] }),
  aNode({ node: 'pve4', freeMemory: 128 * gib, online: false }),
];

describe('a new guest', () => {
  it('goes to the node that is online, has the storage and has the most free memory', () => {
    expect(placeGuest(aGuest(), nodes)).toEqual({ node: 'pve2' });
    expect(placeGuest(aGuest({ storage: 'ceph' }), nodes)).toEqual({ node: 'pve3' });
  });

  it('counts the memory of those that the same plan puts there before it', () => {
    const guests = [1, 2, 3].map((index) => aGuest({ vmid: 800 + index, name: `new-${index}`, memoryMb: 6 * 1024 }));
    const plan = createPlan(aGoal({ guests }), aState([], nodes));
    expect(plan.changes.map(({ vmid, node }) => [vmid, node])).toEqual([
      [801, 'pve2'],
      [802, 'pve1'],
      [803, 'pve2'],
    ]);
    const moved = nodes.map((node) => ({ ...node, freeMemory: 8 * gib }));
    expect(createPlan(plan.goal, aState([], moved), plan).digest).toBe(plan.digest);
  });

  it('goes to the first by name where memory tells nothing', () => {
    const { freeMemory: _, ...unknown } = aNode({ node: 'b' });
    expect(placeGuest(aGuest(), [unknown, { ...unknown, node: 'a' }])).toEqual({ node: 'a' });
  });

  it('stays where the plan put it before, as long as it can be there', () => {
    expect(placeGuest(aGuest(), nodes, 'pve1')).toEqual({ node: 'pve1' });
    expect(placeGuest(aGuest(), nodes, 'pve4')).toEqual({ node: 'pve2' });
    expect(placeGuest(aGuest(), nodes, 'pve3')).toEqual({ node: 'pve2' });
  });

  it('goes where the flake says, whatever the plan said before', () => {
    expect(placeGuest(aGuest({ node: 'pve1' }), nodes, 'pve2')).toEqual({ node: 'pve1' });
  });

  it('does not go where images cannot be brought while there is another place', () => {
    const imageProblems = { vm: 'no import' };
    const [small = aNode(), large = aNode(), ...others] = nodes;
    const able = [small, { ...large, imageProblems }, ...others];
    expect(placeGuest(aGuest(), able)).toEqual({ node: 'pve1' });
    expect(placeGuest(aGuest(), able, 'pve2')).toEqual({ node: 'pve1' });
    expect(placeGuest(aGuest(), [small, { ...large, imageProblems: { container: 'no vztmpl' } }])).toEqual({
      node: 'pve2',
    });
    expect(placeGuest(aGuest({ node: 'pve2' }), able)).toEqual({ node: 'pve2' });
  });

  it('goes to the best node where none can have images: the plan then says what that one lacks', () => {
    const lacking = nodes.map((node) => ({ ...node, imageProblems: { vm: 'no import' } }));
    expect(placeGuest(aGuest(), lacking)).toEqual({ node: 'pve2' });
    expect(placeGuest(aGuest(), lacking, 'pve1')).toEqual({ node: 'pve1' });
  });

  it.each([
    [{ node: 'pve9' }, 'The cluster has no node "pve9".'],
    [{ node: 'pve4' }, 'Node pve4 is offline.'],
    [{ node: 'pve3' }, 'Node pve3 has no storage "local-lvm".'],
    [{ storage: 'tape' }, 'No node that is online has a storage "tape".'],
  ])('has no place for %j, and the reason is said', (wanted, problem) => {
    expect(placeGuest(aGuest(wanted), nodes)).toEqual({ problem });
  });
});
