import { type Change, endsRunning, requiresRestart } from './change.ts';
import { type Plan, runnable } from './plan.ts';
import type { Cost } from './review.ts';
import { type ApplyGroup, applyGroups, planOf, type Run } from './run.ts';
import { planSteps } from './steps.ts';

/**
 * The cost of a plan, as far as earlier runs tell it: a guest is away as long as the last time, one that was never
 * restarted as long as half of the others are.
 * @param runs of the same fleet, the oldest first
 */
export function costOf(plan: Plan, runs: readonly Run[]): Cost {
  const downtimeMs = downtimesOf(plan, runs);
  const like = runs.findLast((run) => run.phase === 'applied' && deedsOf(run.plan) === deedsOf(plan));
  const uploadBytes = uploadOf(plan, runs);
  return {
    ...(Object.keys(downtimeMs).length === 0 ? {} : { downtimeMs }),
    ...(like?.phase === 'applied' ? { like: { run: like.id, ms: like.endedAt - like.appliedFrom } } : {}),
    ...(uploadBytes === undefined ? {} : { uploadBytes }),
  };
}

/** Does the change stop a guest that runs, which runs again when it is done? */
export function restartsOnce(change: Change): boolean {
  if (!requiresRestart(change)) return false;
  return (
    change.action === 'update' || ((change.action === 'replace' || change.action === 'rollback') && endsRunning(change))
  );
}

function downtimesOf(plan: Plan, runs: readonly Run[]): Record<string, number> {
  const known = runs.flatMap(pausesIn);
  const usual = median(known.map(({ ms }) => ms));
  const restarted = runnable(plan).filter(restartsOnce);
  return Object.fromEntries(
    restarted.flatMap(({ vmid }) => {
      const ms = known.findLast((one) => one.vmid === vmid)?.ms ?? usual;
      return ms === undefined ? [] : [[String(vmid), ms]];
    }),
  );
}

/** How long guests were away in a run: from their restart until they were healthy. */
function pausesIn(run: Run): readonly { readonly vmid: number; readonly ms: number }[] {
  const plan = planOf(run);
  if (plan === undefined || !('steps' in run)) return [];
  const restarted = new Set(
    runnable(plan)
      .filter(restartsOnce)
      .map(({ vmid }) => vmid),
  );
  return applyGroups(plan, run.steps).flatMap((group) => {
    const { vmid } = group;
    const [from, to] = [doneStep(group, 'restart')?.startedAt, doneStep(group, 'health')?.endedAt];
    if (vmid === undefined || !restarted.has(vmid) || from === undefined || to === undefined) return [];
    return [{ vmid, ms: to - from }];
  });
}

function doneStep({ steps }: ApplyGroup, kind: 'restart' | 'health') {
  return steps.find(({ step, state }) => step.kind === kind && state === 'done');
}

/** How many guests of each action a plan works on. */
function deedsOf(plan: Plan): string {
  return runnable(plan)
    .map(({ action }) => action)
    .sort()
    .join(' ');
}

/** `undefined` where an image was never uploaded: a part of the sum tells nothing. */
function uploadOf(plan: Plan, runs: readonly Run[]): number | undefined {
  const steps = runs.flatMap((run) => ('steps' in run ? run.steps : []));
  const sizes = planSteps(plan).flatMap((next) => {
    if (next.kind !== 'upload') return [];
    const { kind, type } = next.image;
    const last = steps.findLast(
      ({ step, bytes }) =>
        bytes !== undefined && step.kind === 'upload' && step.image.kind === kind && step.image.type === type,
    );
    return [last?.bytes];
  });
  return sizes.length === 0
    ? undefined
    : sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
