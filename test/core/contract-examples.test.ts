import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterMonitor, Precondition } from '../../src/cluster/cluster.ts';
import { parseDesired } from '../../src/core/desired.ts';
import { flakeEntry } from '../../src/core/flake-entry.ts';
import { hasConfig } from '../../src/core/goal.ts';
import { createPlan } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { openSimulated, type SimulatedWorld, seed, seed8 } from '../cluster/proxmox/on-simulator.ts';
import { makeMappings, trusting } from '../cluster/proxmox/samples.ts';
import { aGoal, anImage } from '../support/builders.ts';
import { containers, counted, vms } from '../support/contract-examples.ts';

const entries = [...Object.values(vms), ...Object.values(containers)];
const quiet: ClusterMonitor = { task: () => undefined, progress: () => undefined, line: () => undefined };

/** As Nix gives it: a field that is not there has no value. */
function fromNix(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

it('the examples are 25, and name what is counted at least as often', () => {
  expect(entries).toHaveLength(25);
  const rare = counted.filter(([, atLeast, says]) => entries.filter(says).length < atLeast);
  expect(rare.map(([what, atLeast, says]) => `${what}: ${entries.filter(says).length} of ${atLeast}`)).toEqual([]);
});

/** Carries out every step of a plan but builds and health checks. */
async function apply(world: SimulatedWorld, plan: ReturnType<typeof createPlan>): Promise<void> {
  const preconditions = new Map<number, Precondition | undefined>();
  for (const step of planSteps(plan)) {
    if (step.kind === 'build' || step.kind === 'health') continue;
    if (step.kind === 'upload') await world.cluster.upload(world.imageFile('a', step.image.kind), step.node, quiet);
    else preconditions.set(step.vmid, await world.cluster.perform(step, preconditions.get(step.vmid), quiet));
  }
}

describe.each([
  ['9.2', seed],
  ['8.4', seed8],
] as const)('on Proxmox VE %s', (_version, from) => {
  it('each example is made as it says, leaves nothing to plan, and is imported whole', async () => {
    const base = trusting(from());
    const tokens = base.tokens.map((token) => ({
      ...token,
      privileges: { ...token.privileges, '/pool/proxnix': ['Pool.Audit', 'Pool.Allocate', 'VM.Audit'] },
    }));
    const world = await openSimulated({ ...base, tokens });
    onTestFinished(() => world.close());
    await makeMappings(world);
    const specs = parseDesired(fromNix({ vms, containers }));
    const guests = specs.map((spec) => ({ ...spec, image: anImage('a', spec.kind) }));
    const goal = aGoal({ guests });
    const wanted = new Set(guests.map(({ vmid }) => vmid));

    const plan = createPlan(goal, await world.cluster.readState(wanted));
    expect(plan.changes.map(({ action, blocked }) => [action, blocked])).toEqual(
      guests.map(() => ['create', undefined]),
    );
    await apply(world, plan);
    const state = await world.cluster.readState(wanted);
    expect(createPlan(goal, state).changes).toEqual([]);
    for (const live of state.guests.filter(hasConfig)) {
      const details = await world.cluster.details({ guestKind: live.kind, vmid: live.vmid, node: live.node });
      expect(flakeEntry(live, live.name, details)).toMatchObject({ unsaid: [], changes: [] });
    }
  });
});
