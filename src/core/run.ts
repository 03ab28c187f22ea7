import type { Change } from './change.ts';
import type { Commit } from './commit.ts';
import type { Failure } from './errors.ts';
import type { Plan } from './plan.ts';
import type { Step } from './steps.ts';

/** Somebody who asked for or decided something. Ids are immutable; names are only shown. */
export interface Who {
  /** The name of the chat. A store may name one that this program does not know. */
  readonly chat: string;
  readonly id: string;
  readonly name: string;
}

/** What began a run. */
export type Trigger =
  | { readonly kind: 'push' | 'poll' | 'start' }
  /** The cluster is not any more as the last apply left it: found by a check, not by a commit. */
  | { readonly kind: 'drift' }
  | { readonly kind: 'command' | 'plan-again'; readonly by: Who }
  /** Somebody wants to go back: one guest to the root disk it had before, or without `vmid` the fleet to a commit. */
  | { readonly kind: 'rollback'; readonly by: Who; readonly vmid?: number }
  /** Somebody wants a guest taken over: its name, key or VMID in the flake, as it was typed. */
  | { readonly kind: 'adopt'; readonly by: Who; readonly guest: string };

/** Milliseconds since the epoch. */
type Time = number;

interface Base {
  /** `r-` and a number that counts up. */
  readonly id: string;
  readonly fleet: string;
  readonly branch: string;
  readonly trigger: Trigger;
  readonly startedAt: Time;
  readonly commit?: Commit;
  /** The branch, tag or hash that somebody named; absent: the head of `branch`. */
  readonly ref?: string;
  /** Set when the commit was not on `branch` as the run began. */
  readonly offBranch?: true;
}

/** A person's yes to a plan. */
export interface Approval {
  readonly by: Who;
  readonly at: Time;
}

/** One step of an apply and what became of it: the journal. */
export interface StepState {
  readonly step: Step;
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'not-started';
  readonly startedAt?: Time;
  readonly endedAt?: Time;
  /** The task Proxmox runs for it, known before it is followed. */
  readonly upid?: string;
  /** How far it is: 0 to 1, and in words. */
  readonly progress?: { readonly fraction?: number; readonly text: string };
  /** The newest lines of its output, oldest first. */
  readonly output: readonly string[];
}

interface WithPlan extends Base {
  readonly commit: Commit;
  readonly plan: Plan;
}

/** A run that is evaluated or compared, or waits for that. */
export interface PlanningRun extends Base {
  readonly phase: 'planning';
  readonly activity: 'waiting' | 'fetching' | 'evaluating' | 'images' | 'comparing';
  /** How many times the planning of its commit was begun: more than once only where the bot ended in the middle of it. */
  readonly attempts?: number;
}
/** A run whose plan has nothing to do. */
export interface InSyncRun extends Base {
  readonly phase: 'in-sync';
  readonly endedAt: Time;
  /** The run whose open plan stays valid, because this commit changes none of its values. */
  readonly standing?: string;
}
/** Everything that differs is blocked: there is nothing to approve. */
export interface BlockedRun extends WithPlan {
  readonly phase: 'blocked';
  readonly endedAt: Time;
}
/** A run with a plan that people decide about. */
export interface PlannedRun extends WithPlan {
  readonly phase: 'planned';
  readonly plannedAt: Time;
  readonly expiresAt: Time;
  readonly approvals: readonly Approval[];
  /** How many people must approve. */
  readonly needed: number;
  /** What moved since the plan that was shown before; its approvals are void. */
  readonly clusterChanges?: readonly string[];
}
interface Decided extends WithPlan {
  readonly approvals: readonly Approval[];
}
/** A run that is approved and waits for its turn. */
export interface QueuedRun extends Decided {
  readonly phase: 'queued';
  readonly needed: number;
  readonly queuedAt: Time;
}
/** A run whose steps are carried out. */
export interface ApplyingRun extends Decided {
  readonly phase: 'applying';
  readonly appliedFrom: Time;
  readonly steps: readonly StepState[];
  /** Who asked to stop; acted on between guests. */
  readonly cancelledBy?: Who;
}
interface Ended extends Decided {
  readonly appliedFrom: Time;
  readonly steps: readonly StepState[];
  readonly endedAt: Time;
}
/** A run whose steps are all done. */
export interface AppliedRun extends Ended {
  readonly phase: 'applied';
  /** By VMID, where an agent told it. */
  readonly addresses: Readonly<Record<string, string>>;
}
/** A run that ended with an error, in its planning or in its apply. */
export interface FailedRun extends Base {
  readonly phase: 'failed';
  readonly endedAt: Time;
  readonly failure: Failure;
  /** Set when it failed in the apply. */
  readonly applying?: { readonly plan: Plan; readonly appliedFrom: Time; readonly approvals: readonly Approval[] };
  readonly steps: readonly StepState[];
}
/** Stopped between two guests by a person. */
export interface CancelledRun extends Ended {
  readonly phase: 'cancelled';
  readonly cancelledBy: Who;
}
/** The bot died in the apply; what is said of each step was read back from the journal and the cluster. */
export interface InterruptedRun extends Ended {
  readonly phase: 'interrupted';
  readonly notes: readonly string[];
}
/** A run whose plan a person rejected. */
export interface RejectedRun extends WithPlan {
  readonly phase: 'rejected';
  readonly endedAt: Time;
  readonly by: Who;
  readonly reason?: string;
}
/** A run whose plan gave way to that of a newer run. */
export interface SupersededRun extends Base {
  readonly phase: 'superseded';
  readonly endedAt: Time;
  readonly plan?: Plan;
  /** The run that took its place. */
  readonly byRun: string;
}
/** A run whose plan was decided by nobody in time. */
export interface ExpiredRun extends WithPlan {
  readonly phase: 'expired';
  readonly endedAt: Time;
}

/** The whole life of one plan, from the push to the final tags. A plan exists exactly where it can. */
export type Run =
  | PlanningRun
  | InSyncRun
  | BlockedRun
  | PlannedRun
  | QueuedRun
  | ApplyingRun
  | AppliedRun
  | FailedRun
  | CancelledRun
  | InterruptedRun
  | RejectedRun
  | SupersededRun
  | ExpiredRun;

/** How far a run is. */
export type Phase = Run['phase'];

/** The plan of a run; `undefined` while it has none, or never had one. */
export function planOf(run: Run): Plan | undefined {
  if (run.phase === 'failed') return run.applying?.plan;
  return 'plan' in run ? run.plan : undefined;
}

/** Did a run get as far as an apply, so that it may have changed guests? */
export function reachedApply(run: Run): boolean {
  return 'steps' in run && run.steps.length > 0;
}

/** What happens to a run. Times come from outside: the core has no clock. */
export type RunEvent =
  | { readonly type: 'progressed'; readonly activity: PlanningRun['activity'] }
  /** Saved before the work begins, so that a commit that ends the bot is counted. */
  | { readonly type: 'planning-begun' }
  | { readonly type: 'commit-found'; readonly commit: Commit }
  | { readonly type: 'in-sync'; readonly at: Time; readonly standing?: string }
  | { readonly type: 'blocked'; readonly plan: Plan; readonly at: Time }
  | {
      readonly type: 'planned';
      readonly plan: Plan;
      readonly at: Time;
      readonly expiresAt: Time;
      readonly needed: number;
      readonly clusterChanges?: readonly string[];
    }
  | { readonly type: 'approved'; readonly approval: Approval }
  | { readonly type: 'rejected'; readonly by: Who; readonly at: Time; readonly reason?: string }
  | { readonly type: 'superseded'; readonly byRun: string; readonly at: Time }
  | { readonly type: 'expired'; readonly at: Time }
  | { readonly type: 'started'; readonly steps: readonly Step[]; readonly at: Time }
  | { readonly type: 'step-started'; readonly id: string; readonly at: Time }
  | { readonly type: 'task'; readonly id: string; readonly upid: string }
  | { readonly type: 'progress'; readonly id: string; readonly text: string; readonly fraction?: number }
  | { readonly type: 'output'; readonly id: string; readonly line: string }
  | { readonly type: 'step-done'; readonly id: string; readonly at: Time }
  | { readonly type: 'cancel-asked'; readonly by: Who }
  | { readonly type: 'cancelled'; readonly at: Time }
  | { readonly type: 'applied'; readonly at: Time; readonly addresses: Readonly<Record<string, string>> }
  | { readonly type: 'failed'; readonly failure: Failure; readonly at: Time }
  | {
      readonly type: 'interrupted';
      readonly at: Time;
      readonly notes: readonly string[];
    };

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
