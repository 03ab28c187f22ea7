import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import { diffGuest } from '../../src/core/diff.ts';
import type { Goal } from '../../src/core/goal.ts';
import type { LiveGuest } from '../../src/core/live.ts';
import { createPlan, runnable } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { readTags, stagingOwner } from '../../src/core/tags.ts';
import { applyPlan } from '../support/apply-plan.ts';
import * as any from '../support/arbitraries.ts';

describe('a plan that is applied', () => {
  it('leaves nothing to run, whatever was there before', async () => {
    await fc.assert(
      fc.asyncProperty(any.goal, any.liveState, async (goal, live) => {
        const plan = createPlan(goal, live);
        const after = await applyPlan(live, plan);
        expect(runnable(createPlan(goal, after)).map(said)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('leaves no guest of ours half made', async () => {
    await fc.assert(
      fc.asyncProperty(any.goal, any.liveState, async (goal, live) => {
        const plan = createPlan(goal, live);
        const touched = new Set(runnable(plan).map((change) => change.vmid));
        const { guests } = await applyPlan(live, plan);
        const pending = guests.filter((guest) => touched.has(guest.vmid) && readTags(guest.tags).pending);
        expect(pending).toEqual([]);
      }),
    );
  });
});

describe('a guest compared with itself', () => {
  it('has no difference', () => {
    fc.assert(
      fc.property(any.desiredGuest, (guest) => {
        expect([...diffGuest(guest, any.liveAs(guest))]).toEqual([]);
      }),
    );
  });
});

describe('the steps of a plan', () => {
  const steps = fc.tuple(any.goal, any.liveState).map(([goal, live]) => {
    const plan = createPlan(goal, live);
    return { plan, steps: planSteps(plan) };
  });

  it('have ids that are unique', () => {
    fc.assert(
      fc.property(steps, ({ steps: all }) => {
        expect(new Set(all.map((step) => step.id)).size).toBe(all.length);
      }),
    );
  });

  it('come as builds, uploads, guests by order and VMID, destroys', () => {
    fc.assert(
      fc.property(steps, ({ steps: all }) => {
        const rank = all.map((step) => {
          if (step.kind === 'build') return 0;
          if (step.kind === 'upload') return 1;
          return step.kind === 'stop' || step.kind === 'destroy' ? 3 : 2;
        });
        expect(rank).toEqual([...rank].sort((a, b) => a - b));
        const wanted = all.flatMap((step) => ('guest' in step ? [step.guest] : []));
        const sorted = [...wanted].sort((a, b) => a.order - b.order || a.vmid - b.vmid);
        expect(wanted.map((guest) => guest.vmid)).toEqual(sorted.map((guest) => guest.vmid));
      }),
    );
  });

  it('are none for a change that is blocked', () => {
    fc.assert(
      fc.property(steps, ({ plan, steps: all }) => {
        const blocked = plan.changes.filter((change) => change.blocked !== undefined).map((change) => change.vmid);
        const touched = all.flatMap((step) => ('vmid' in step && step.kind !== 'discard' ? [step.vmid] : []));
        expect(touched.filter((vmid) => blocked.includes(vmid))).toEqual([]);
      }),
    );
  });

  it('build every image once, and upload each once per node, only where it is used', () => {
    fc.assert(
      fc.property(steps, ({ plan, steps: all }) => {
        const needed = runnable(plan).filter((change) => change.action === 'create' || change.action === 'replace');
        const images = new Set(needed.map(({ guest }) => guest.image.storePath));
        const targets = new Set(needed.map(({ guest, node }) => `${guest.image.storePath} ${node}`));
        const built = all.flatMap((step) => (step.kind === 'build' ? step.images : []));
        const sent = all.flatMap((step) => (step.kind === 'upload' ? [`${step.image.storePath} ${step.node}`] : []));
        expect(built.map((image) => image.storePath).sort()).toEqual([...images].sort());
        expect([...sent].sort()).toEqual([...targets].sort());
      }),
    );
  });

  it('end each guest with its final tags, its destruction or its removal', () => {
    fc.assert(
      fc.property(steps, ({ plan, steps: all }) => {
        for (const change of runnable(plan)) {
          const own = all.filter((step) => step.id.startsWith(`${change.vmid} `));
          const end = { destroy: 'destroy', 'clean-up': 'discard' }[change.action as string] ?? 'finish';
          expect(own.at(-1)?.kind).toBe(end);
          expect(own.filter((step) => step.kind === end)).toHaveLength(1);
        }
      }),
    );
  });

  it('write final tags nowhere but in the last step of a guest', () => {
    fc.assert(
      fc.property(steps, ({ steps: all }) => {
        for (const step of all.filter((one) => 'tags' in one)) {
          if (!('tags' in step)) continue;
          expect(readTags([step.tags]).pending).toBe(step.kind !== 'finish');
        }
      }),
    );
  });
});

describe('what is not ours', () => {
  it('is never updated, replaced, destroyed or cleaned up, nor touched by a step', async () => {
    await fc.assert(
      fc.asyncProperty(any.goal, any.liveState, async (goal, live) => {
        const plan = createPlan(goal, live);
        const strangers = live.guests.filter((guest) => !isOurs(goal, guest) && !isStaging(guest));
        const vmids = new Set(strangers.map((guest) => guest.vmid));
        const changed = plan.changes.filter((change) => vmids.has(change.vmid));
        expect(changed.filter((change) => change.action !== 'conflict').map(said)).toEqual([]);
        expect(
          planSteps(plan).filter((step) => 'vmid' in step && vmids.has(step.vmid) && step.kind !== 'discard'),
        ).toEqual([]);
        const after = (await applyPlan(live, plan)).guests;
        for (const stranger of strangers) {
          const same = after.find((guest) => guest.vmid === stranger.vmid);
          expect(withoutDigest(same)).toEqual(withoutDigest(stranger));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is never changed while it is protected, a template, locked or out of reach', () => {
    fc.assert(
      fc.property(any.goal, any.liveState, (goal, live) => {
        for (const change of runnable(createPlan(goal, live))) {
          if (change.action === 'create' || change.action === 'conflict') continue;
          expect(change.live.config?.protected).toBe(false);
          expect(change.live.template).toBe(false);
          expect(change.live.lock).toBeUndefined();
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps a guest that is wanted from being destroyed', () => {
    fc.assert(
      fc.property(any.goal, any.liveState, (goal, live) => {
        const wanted = new Set(goal.guests.map((guest) => guest.vmid));
        const gone = createPlan(goal, live).changes.filter((change) => change.action === 'destroy');
        expect(gone.filter((change) => wanted.has(change.vmid)).map(said)).toEqual([]);
      }),
    );
  });
});

/** Said once more, in other words than the code's: by tags; without a fleet's tag also by VMID and name together. */
function isOurs({ fleet, fleetTag, guests }: Goal, { vmid, name, tags }: LiveGuest): boolean {
  const fleets = tags.filter((tag) => tag.startsWith('fleet-'));
  if (!tags.includes('proxnix')) return false;
  if (fleets.length > 0) return fleets.includes(`fleet-${fleet.toLowerCase()}`);
  return (
    fleetTag === undefined ||
    guests.some((guest) => guest.vmid === vmid && guest.name.toLowerCase() === name.toLowerCase())
  );
}

/** A staging guest is known by its mark, not by a fleet: it belongs to whom its owner belongs. */
function isStaging({ tags, config }: LiveGuest): boolean {
  return tags.includes('proxnix-pending') && stagingOwner(config?.description ?? '') !== undefined;
}

function said(change: Change): string {
  const fields = 'fields' in change ? change.fields.map((field) => `${field.field} ${field.from} -> ${field.to}`) : [];
  return `${change.action} ${change.vmid}: ${fields.join(', ')}`;
}

function withoutDigest(guest: LiveGuest | undefined): unknown {
  return JSON.parse(JSON.stringify(guest ?? null, (key, value: unknown) => (key === 'digest' ? undefined : value)));
}
