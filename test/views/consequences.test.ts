import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPlan, runnable } from '../../src/core/plan.ts';
import { consequences } from '../../src/views/consequences.ts';
import * as any from '../support/arbitraries.ts';
import { aBigPlan, aContainer, aGuest, aLiveContainer, aLiveGuest, anImage, aPlan } from '../support/builders.ts';

const many = (count: number, name: string) =>
  aPlan({
    guests: Array.from({ length: count }, (_, index) => aGuest({ vmid: 800 + index, name: `${name}-${index}` })),
  });

describe('what a plan does to whom', () => {
  it('is said by name, with how many guests restart', () => {
    const plan = aPlan({ guests: [aGuest({ image: anImage('b') })] }, [aLiveGuest()]);
    expect(consequences(plan.changes)).toBe('Replaces the root disk of test-website (823). Restarts 1 VM.');
    expect(consequences(aBigPlan().changes)).toBe(
      'Destroys test-old (830). Replaces the root disk of test-worker (822). Updates test-cp (821). Creates test-init (820). Restarts 2 VMs.',
    );
  });

  it('tells what is shut down, and containers apart', () => {
    const plan = aPlan(
      { guests: [aGuest({ power: 'stopped' }), aContainer({ image: anImage('d', 'container', 'lxc-cache') })] },
      [aLiveGuest(), aLiveContainer()],
    );
    expect(consequences(plan.changes)).toBe(
      'Replaces the root disk of cache (830). Updates test-website (823). Restarts 1 container. Shuts down 1 VM.',
    );
  });

  it('ends a long list with how many more there are', () => {
    expect(consequences(many(40, 'a-guest').changes)).toMatch(/^Creates a-guest-0 \(800\), .* and \d+ more\.$/);
    expect(consequences(many(2, 'x'.repeat(250)).changes)).toMatch(/^Creates x+-0 \(800\) and 1 more\.$/);
    expect(consequences(many(2, 'x'.repeat(300)).changes)).toBe('Creates 2 guests.');
  });

  it('always fits into the question of a chat', () => {
    fc.assert(
      fc.property(any.goal, any.liveState, (goal, live) => {
        const changes = runnable(createPlan(goal, live));
        const text = consequences(changes);
        expect(text.length).toBeLessThanOrEqual(300);
        if (changes.length > 0) expect(text).toMatch(/\.$/);
      }),
    );
  });
});
