import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Goal } from '../../src/core/goal.ts';
import { createPlan } from '../../src/core/plan.ts';
import * as any from '../support/arbitraries.ts';
import { aCommit, aGoal, aLiveGuest, aState } from '../support/builders.ts';

describe('the digest of a plan', () => {
  const planned = fc.tuple(any.goal, any.liveState);

  it('does not depend on the order in which guests, nodes and keys were read', () => {
    fc.assert(
      fc.property(
        planned.chain(([goal, live]) =>
          fc.record({
            goal: fc.constant(goal),
            live: fc.constant(live),
            guests: fc.shuffledSubarray([...live.guests], { minLength: live.guests.length }),
            nodes: fc.shuffledSubarray([...live.nodes], { minLength: live.nodes.length }),
          }),
        ),
        ({ goal, live, guests, nodes }) => {
          const again = createPlan(keysReversed(goal), { guests: guests.map(keysReversed), nodes });
          expect(again.digest).toBe(createPlan(goal, live).digest);
        },
      ),
    );
  });

  it('does not move with what is volatile: free memory, power states, names in the list', () => {
    fc.assert(
      fc.property(planned, fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), ([goal, live], free) => {
        const plan = createPlan(goal, live);
        const guests = live.guests.map((guest) => {
          if (guest.config === undefined) return { ...guest, name: 'listed otherwise', status: 'unknown' as const };
          // A guest without any disk is made anew when it is stopped: there its state does decide.
          if (Object.keys(guest.config.disks).length === 0) return guest;
          return { ...guest, status: guest.status === 'running' ? ('stopped' as const) : ('running' as const) };
        });
        const nodes = live.nodes.map((node, index) => ({ ...node, freeMemory: free[index] ?? 0 }));
        expect(createPlan(goal, { guests, nodes }, plan).digest).toBe(plan.digest);
      }),
    );
  });

  it('moves when a guest that was to be made anew runs meanwhile', () => {
    const bare = { tags: ['proxnix', 'proxnix-pending'], config: { disks: {} } };
    const plan = createPlan(aGoal(), aState([aLiveGuest({ ...bare, status: 'stopped' })]));
    const now = createPlan(plan.goal, aState([aLiveGuest({ ...bare, status: 'running' })]), plan);
    expect(now.digest).not.toBe(plan.digest);
  });

  it('moves with the commit, and the digest of the changes does not', () => {
    fc.assert(
      fc.property(planned, ([goal, live]) => {
        const plan = createPlan(goal, live);
        const later = createPlan({ ...goal, commit: aCommit({ sha: 'e'.repeat(40) }) }, live);
        expect(later.digest).not.toBe(plan.digest);
        expect(later.changesDigest).toBe(plan.changesDigest);
      }),
    );
  });

  it('moves with the UUID, the digest, the node and the tags of every guest touched', () => {
    fc.assert(
      fc.property(planned, fc.constantFrom('uuid', 'digest', 'node', 'tags'), fc.nat(), ([goal, live], what, pick) => {
        const plan = createPlan(goal, live);
        const touched = plan.changes.flatMap((change) => ('live' in change && change.live.config ? [change.vmid] : []));
        const vmid = touched[pick % Math.max(1, touched.length)];
        fc.pre(vmid !== undefined);
        const guests = live.guests.map((guest) => {
          if (guest.vmid !== vmid || guest.kind !== 'vm' || guest.config === undefined) return guest;
          if (what === 'node') return { ...guest, node: `${guest.node}x` };
          if (what === 'tags') return { ...guest, tags: [...guest.tags, 'zz-new'] };
          return { ...guest, config: { ...guest.config, [what]: 'changed' } };
        });
        expect(createPlan(goal, { ...live, guests }, plan).digest).not.toBe(plan.digest);
      }),
    );
  });

  it('moves with every value that the flake wants', () => {
    const other: Readonly<Record<string, unknown>> = {
      ...{ key: 'x', name: 'x', vmid: 99_999, imageType: 'x', cores: 99, sockets: 99, memoryMb: 99, diskGb: 99 },
      ...{
        storage: 'x',
        cloudInit: { storage: 'x' },
        bridge: 'x',
        scsiHw: 'x',
        diskSlot: 'sata0',
        node: 'x',
        order: 99,
      },
      ...{ description: 'x', image: { storePath: '/nix/store/x' }, health: { agent: false, tcp: [1], timeoutS: 1 } },
    };
    fc.assert(
      fc.property(planned, fc.constantFrom(...Object.keys(other), 'onboot', 'protected'), ([goal, live], field) => {
        const [first, ...rest] = goal.guests;
        fc.pre(first !== undefined);
        const value = field === 'onboot' || field === 'protected' ? !first?.[field] : other[field];
        const guests = [{ ...first, [field]: value }, ...rest] as Goal['guests'];
        expect(createPlan({ ...goal, guests }, live).digest).not.toBe(createPlan(goal, live).digest);
      }),
      { numRuns: 300 },
    );
  });
});

function keysReversed<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).reverse()) as T;
}
