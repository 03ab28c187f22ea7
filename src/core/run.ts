import type { Change } from './change.ts';
import type { Commit } from './commit.ts';
import type { Failure } from './errors.ts';
import type { GuestStatus } from './live.ts';
import type { Plan } from './plan.ts';
import type { Review } from './review.ts';
import type { Step } from './steps.ts';

/** A person who asked for or decided something. Ids are immutable; names are only shown. */
export interface Who {
  /** The name of the chat. A store may hold a name that this program does not know. */
  readonly chat: string;
  readonly id: string;
  readonly name: string;
}

/** The cause of a run. */
export type Trigger =
  | { readonly kind: 'push' | 'poll' | 'start' }
  /** A drift check found that the cluster no longer matches the last apply. */
  | { readonly kind: 'drift' }
  | { readonly kind: 'command' | 'plan-again'; readonly by: Who }
  /**
   * A person asked for a rollback: with `vmid` of one guest to its previous root disk, otherwise of the fleet to a
   * commit.
   */
  | { readonly kind: 'rollback'; readonly by: Who; readonly vmid?: number }
  /** A person asked to adopt a guest: its name, key or VMID in the flake, as typed. */
  | { readonly kind: 'adopt'; readonly by: Who; readonly guest: string }
  /** A pull or merge request, which is previewed; with `by` because an approver asked. */
  | { readonly kind: 'pull'; readonly number: number; readonly by?: Who };

/** Milliseconds since the epoch. */
type Time = number;

interface Base {
  /** `r-` and a number that increases with each run. */
  readonly id: string;
  readonly fleet: string;
  readonly branch: string;
  readonly trigger: Trigger;
  readonly startedAt: Time;
  readonly commit?: Commit;
  /** The branch, tag or hash that a person named; absent: the head of `branch`. */
  readonly ref?: string;
  /** Set when the commit was not on `branch` when the run began, or when git could not tell. */
  readonly offBranch?: true | 'unknown';
  /** What evaluating the commit warned of, each once; absent: of nothing. */
  readonly warnings?: readonly string[];
  /** What its card says beside the plan; absent before there is a plan. */
  readonly review?: Review;
}

/** A person's approval of a plan. */
export interface Approval {
  readonly by: Who;
  readonly at: Time;
}

/** One step of an apply and its state. The states of all steps are the journal of the apply. */
export interface StepState {
  readonly step: Step;
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'not-started';
  readonly startedAt?: Time;
  readonly endedAt?: Time;
  /** The task that Proxmox runs for the step; journaled before the task is followed. */
  readonly upid?: string;
  /** The progress of the step: `fraction` from 0 to 1, and a text. */
  readonly progress?: { readonly fraction?: number; readonly text: string };
  /** Set where a health check saw no more than that the guest runs. */
  readonly onlyRunning?: true;
  /** The volume of the backup that the step made. */
  readonly backup?: string;
  /** Of an upload, the size of the file. */
  readonly bytes?: number;
  /** The newest lines of the step's output, oldest first. */
  readonly output: readonly string[];
}

interface WithPlan extends Base {
  readonly commit: Commit;
  readonly plan: Plan;
}

/** A run that waits for its plan or is being planned. */
export interface PlanningRun extends Base {
  readonly phase: 'planning';
  readonly activity: 'waiting' | 'fetching' | 'evaluating' | 'images' | 'comparing';
  /** How many times the planning of the commit began: more than once only when the bot stopped during it. */
  readonly attempts?: number;
}
/** A run whose plan has no changes. */
export interface InSyncRun extends Base {
  readonly phase: 'in-sync';
  readonly endedAt: Time;
  /** The run whose open plan stays valid, because this commit changes none of its planned values. */
  readonly standing?: string;
}
/** A run whose changes are all blocked: there is nothing to approve. */
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
  /** What changed in the cluster since the plan shown before; the approvals of that plan are void. */
  readonly clusterChanges?: readonly string[];
}
/**
 * A run that shows what a pull or merge request would change. Nobody decides about it: it takes no approval. Its plan has
 * a name of its own, so that nothing that reads the plan of a run takes it for one that may be applied.
 */
export interface PreviewedRun extends Base {
  readonly phase: 'previewed';
  readonly commit: Commit;
  readonly preview: Plan;
  /** From then on the plan is old, and the run ends. */
  readonly expiresAt: Time;
}
/** A preview that is over: the request was merged or closed, or the preview is old. */
export interface ClosedRun extends Base {
  readonly phase: 'closed';
  readonly endedAt: Time;
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
/** A run whose steps are being carried out. */
export interface ApplyingRun extends Decided {
  readonly phase: 'applying';
  readonly appliedFrom: Time;
  readonly steps: readonly StepState[];
  /** The person who cancelled the apply; it stops between two guests. */
  readonly cancelledBy?: Who;
}
interface Ended extends Decided {
  readonly appliedFrom: Time;
  readonly steps: readonly StepState[];
  readonly endedAt: Time;
}
/** What a guest was when its apply ended, as the cluster told it. */
export interface GuestNow {
  readonly vmid: number;
  readonly name: string;
  /** `unknown`: it could not be read. */
  readonly status: GuestStatus | 'gone';
  /** The store hash of the image on its root disk; absent where no tag names it. */
  readonly imageHash?: string;
  /** Its tags say that work on it has begun and is not finished. */
  readonly unfinished?: true;
}
/** A run whose steps are all done. */
export interface AppliedRun extends Ended {
  readonly phase: 'applied';
  /** The address of each guest by VMID, where the guest agent or the host of a container reports one. */
  readonly addresses: Readonly<Record<string, string>>;
}
/** A run that failed while it was planned or applied. */
export interface FailedRun extends Base {
  readonly phase: 'failed';
  readonly endedAt: Time;
  readonly failure: Failure;
  /** Set when the apply failed. */
  readonly applying?: { readonly plan: Plan; readonly appliedFrom: Time; readonly approvals: readonly Approval[] };
  /** The guest that was worked on last; absent where none was. */
  readonly guestNow?: GuestNow;
  readonly steps: readonly StepState[];
}
/** A run that a person cancelled; its apply stopped between two guests. */
export interface CancelledRun extends Ended {
  readonly phase: 'cancelled';
  readonly cancelledBy: Who;
  readonly guestNow?: GuestNow;
}
/**
 * A run whose apply was interrupted because the bot stopped. The notes on each step come from the journal and the
 * cluster.
 */
export interface InterruptedRun extends Ended {
  readonly phase: 'interrupted';
  readonly notes: readonly string[];
  readonly guestNow?: GuestNow;
}
/** A run whose plan a person rejected. */
export interface RejectedRun extends WithPlan {
  readonly phase: 'rejected';
  readonly endedAt: Time;
  readonly by: Who;
  readonly reason?: string;
}
/** A run whose plan was superseded by that of a newer run. */
export interface SupersededRun extends Base {
  readonly phase: 'superseded';
  readonly endedAt: Time;
  readonly plan?: Plan;
  /** The newer run. */
  readonly byRun: string;
}
/** A run whose plan nobody decided in time. */
export interface ExpiredRun extends WithPlan {
  readonly phase: 'expired';
  readonly endedAt: Time;
}

/** The whole life of one plan, from the push to the final tags. Only phases that have a plan hold one. */
export type Run =
  | PlanningRun
  | InSyncRun
  | BlockedRun
  | PlannedRun
  | PreviewedRun
  | ClosedRun
  | QueuedRun
  | ApplyingRun
  | AppliedRun
  | FailedRun
  | CancelledRun
  | InterruptedRun
  | RejectedRun
  | SupersededRun
  | ExpiredRun;

/** The phase of a run. */
export type Phase = Run['phase'];

/** The plan of a run; `undefined` in a phase without a plan. */
export function planOf(run: Run): Plan | undefined {
  if (run.phase === 'failed') return run.applying?.plan;
  return 'plan' in run ? run.plan : undefined;
}

/** Is the run for a commit that a person named, not for the head of the branch? */
export function isNamed({ ref, offBranch }: Run): boolean {
  return ref !== undefined || offBranch !== undefined;
}

/** Is the run a preview of a pull or merge request, in whatever phase? */
export function isPreview({ trigger }: Pick<Run, 'trigger'>): boolean {
  return trigger.kind === 'pull';
}

/** Did the apply of the run begin, so that it may have changed guests? */
export function reachedApply(run: Run): boolean {
  return 'steps' in run && run.steps.length > 0;
}

/** An event of a run. The core has no clock, so each event carries its time. */
export type RunEvent =
  | { readonly type: 'progressed'; readonly activity: PlanningRun['activity'] }
  /** Saved before the planning begins, so that a commit that makes the bot stop is counted. */
  | { readonly type: 'planning-begun' }
  | { readonly type: 'commit-found'; readonly commit: Commit }
  | { readonly type: 'evaluated'; readonly warnings: readonly string[] }
  | { readonly type: 'reviewed'; readonly review: Review }
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
  | { readonly type: 'previewed'; readonly plan: Plan; readonly expiresAt: Time }
  | { readonly type: 'closed'; readonly at: Time }
  | { readonly type: 'approved'; readonly approval: Approval }
  | { readonly type: 'rejected'; readonly by: Who; readonly at: Time; readonly reason?: string }
  | { readonly type: 'superseded'; readonly byRun: string; readonly at: Time }
  | { readonly type: 'expired'; readonly at: Time }
  | { readonly type: 'started'; readonly steps: readonly Step[]; readonly at: Time }
  | { readonly type: 'step-started'; readonly id: string; readonly at: Time }
  | { readonly type: 'task'; readonly id: string; readonly upid: string }
  | { readonly type: 'progress'; readonly id: string; readonly text: string; readonly fraction?: number }
  | { readonly type: 'output'; readonly id: string; readonly line: string }
  | {
      readonly type: 'step-done';
      readonly id: string;
      readonly at: Time;
      readonly onlyRunning?: true;
      readonly backup?: string;
      readonly bytes?: number;
    }
  | { readonly type: 'cancel-asked'; readonly by: Who }
  | { readonly type: 'cancelled'; readonly at: Time; readonly guestNow?: GuestNow }
  | { readonly type: 'applied'; readonly at: Time; readonly addresses: Readonly<Record<string, string>> }
  | { readonly type: 'failed'; readonly failure: Failure; readonly at: Time; readonly guestNow?: GuestNow }
  | {
      readonly type: 'interrupted';
      readonly at: Time;
      readonly notes: readonly string[];
      readonly guestNow?: GuestNow;
    };

/** A group of steps in the card of an apply: the builds, the uploads, and one group for each guest. */
export interface ApplyGroup {
  readonly action: 'build' | 'upload' | Change['action'];
  /** The VMID of the guest; absent for builds and uploads. */
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

/** The backups that a run made, in their order. */
export function backupsIn(
  run: Run,
): readonly { readonly vmid: number; readonly name: string; readonly volid: string }[] {
  const steps = 'steps' in run ? run.steps : [];
  return steps.flatMap(({ step, backup }) =>
    'vmid' in step && backup !== undefined ? [{ vmid: step.vmid, name: step.name, volid: backup }] : [],
  );
}

/** The final tags that the steps of one guest wrote, in reading order; `undefined` when the last step is not done. */
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
