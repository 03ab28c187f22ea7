import type { Change } from './change.ts';
import type { Plan } from './plan.ts';
import type { StepState } from './run.ts';

/** What people follow in an apply: the builds, the uploads, then each guest with all its steps. */
export interface ApplyGroup {
  readonly action: 'build' | 'upload' | Change['action'];
  /** The guest's; absent for builds and uploads. */
  readonly vmid?: number;
  readonly name?: string;
  readonly state: StepState['state'];
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly steps: readonly StepState[];
}

/** Groups the steps of an apply by what they work on, in the order in which they run. */
export function applyGroups(plan: Plan, steps: readonly StepState[]): readonly ApplyGroup[] {
  const groups = new Map<string, StepState[]>();
  for (const state of steps) {
    const key = groupKey(state);
    groups.set(key, [...(groups.get(key) ?? []), state]);
  }
  return [...groups.values()].map((group) => toGroup(plan, group));
}

/** Steps with the same key belong to one group: a cancel acts only where the key changes. */
export function groupKey({ step }: Pick<StepState, 'step'>): string {
  return 'vmid' in step ? `${step.vmid} ${step.name}` : step.kind;
}

function toGroup(plan: Plan, steps: readonly StepState[]): ApplyGroup {
  const [first] = steps;
  const step = first?.step;
  const startedAt = first?.startedAt;
  const endedAt = steps.at(-1)?.endedAt;
  const change =
    step !== undefined && 'vmid' in step
      ? plan.changes.find((one) => one.name === step.name && one.blocked === undefined && isFor(one, step.vmid))
      : undefined;
  return {
    action: change?.action ?? (step?.kind === 'build' ? 'build' : 'upload'),
    state: stateOf(steps),
    steps,
    ...(change === undefined ? {} : { vmid: change.vmid, name: change.name }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
  };
}

function isFor(change: Change, vmid: number): boolean {
  return change.vmid === vmid || (change.action === 'clean-up' && change.ownerVmid === vmid);
}

function stateOf(steps: readonly StepState[]): StepState['state'] {
  const has = (state: StepState['state']) => steps.some((one) => one.state === state);
  if (has('failed')) return 'failed';
  if (has('running')) return 'running';
  if (steps.every((one) => one.state === 'done')) return 'done';
  if (has('done')) return has('not-started') ? 'failed' : 'running';
  return has('not-started') ? 'not-started' : 'waiting';
}

/** The tags that the steps of one guest wrote in the end, in reading order; `undefined` when they did not come to it. */
export function finalTagsOf(steps: readonly StepState[]): readonly string[] | undefined {
  const last = steps.flatMap(({ step, state }) =>
    (step.kind === 'finish' || step.kind === 'adopt') && state === 'done' ? [step] : [],
  );
  const [finish] = last;
  if (finish === undefined) return undefined;
  const rank = (tag: string) =>
    tag === 'proxnix' ? 0 : tag.startsWith('nix-') ? 1 : tag.startsWith('commit-') ? 2 : 3;
  return finish.tags.split(';').sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
