import type { ClusterMonitor, Precondition } from '../../src/cluster/cluster.ts';
import type { Image } from '../../src/core/guest.ts';
import type { LiveState } from '../../src/core/live.ts';
import type { Plan } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { FakeCluster } from '../fakes/cluster.ts';

/**
 * The state after a plan was carried out on the cluster in memory, step by step as an apply does it: each step comes
 * with the precondition that the one before left. A step that a cluster refuses is an error.
 */
export async function applyPlan(before: LiveState, plan: Plan): Promise<LiveState> {
  const cluster = FakeCluster.of(before);
  const every = new Set(before.guests.map(({ vmid }) => vmid));
  const preconditions = new Map<number, Precondition | undefined>();
  for (const { kind, vmid, node, config } of (await cluster.readState(every)).guests) {
    if (config === undefined) continue;
    preconditions.set(vmid, { guestKind: kind, vmid, node, uuid: config.uuid ?? '', digest: config.digest });
  }
  for (const step of planSteps(plan)) {
    if (step.kind === 'build' || step.kind === 'health') continue;
    if (step.kind === 'upload') await cluster.upload(fileOf(step.image), step.node, quiet);
    else preconditions.set(step.vmid, await cluster.perform(step, preconditions.get(step.vmid), quiet));
  }
  return cluster.readState(every);
}

function fileOf(image: Image) {
  return { image, path: image.storePath, size: 1, ...(image.kind === 'vm' ? { virtualSize: 2 ** 30 } : {}) };
}

const quiet: ClusterMonitor = { task: () => undefined, progress: () => undefined, line: () => undefined };
