import { type Authorship, shortSha } from './commit.ts';
import { type Goal, onlyGuest } from './goal.ts';
import type { Refusal } from './identity.ts';
import { type Authors, asConfigured, authorRefusal, compareIds, isAmong, type People, personId } from './identity.ts';
import { type Plan, runnable } from './plan.ts';
import type { PlannedRun, Run, Who } from './run.ts';

/** A person, the immutable ids of the groups that the chat confirms, and the place of the request. */
export interface Actor extends Who {
  readonly groups: readonly string[];
  readonly workspace: string;
  readonly channel: string;
}

/** Who may read, ask and decide about a fleet. */
export interface Policy {
  /** Ids of people (`console:owner`, `discord:user:<id>`) and of groups (`discord:role:<id>`). Empty: nobody. */
  readonly approvers: readonly string[];
  /** Ids of those who may read and ask for plans besides the approvers. Empty: everybody in the fleet's channel. */
  readonly viewers: readonly string[];
  /** How many people must approve. */
  readonly approvals: number;
  readonly authorMayApprove: boolean;
  readonly authors: Authors;
  readonly people: People;
  /** Whether a commit that is not on the fleet's branch may be approved. */
  readonly allowOtherBranches: boolean;
  /** A plan with more destroys than this needs a typed sentence; absent: a fifth of the fleet, at least one. */
  readonly maxDestroy?: number | undefined;
  /** The places where this fleet is shown and decided, one in each chat. */
  readonly places: readonly { readonly chat: Who['chat']; readonly workspace: string; readonly channel: string }[];
}

/** A lock on applies, set by a person; plans are still made. */
export interface Lock {
  readonly reason: string;
  readonly by: Who;
  readonly at: number;
}

/** The facts that a decision rests on, besides the run and the person. */
export interface Circumstances {
  readonly now: number;
  readonly lock: Lock | undefined;
  /** Is the commit on the fleet's branch? `undefined`: git could not tell. */
  readonly onBranch: boolean | undefined;
  /**
   * The authors of the commits that would be applied; `undefined`: git could not tell. Only the author rule reads it.
   */
  readonly authorship: Authorship | undefined;
}

/** May this person decide anything about this fleet here? */
export function mayAct(actor: Actor, policy: Policy): Refusal | undefined {
  if (!isItsPlace(actor, policy)) {
    return { code: 'wrong-channel', text: 'This fleet is decided in its own channel, not here.' };
  }
  if (!isAmong(actor, policy.approvers)) {
    const nobody = policy.approvers.length === 0;
    return {
      code: 'not-an-approver',
      text: nobody ? 'Nobody may approve: APPROVERS is not set.' : 'You are not one of the approvers of this fleet.',
    };
  }
  return undefined;
}

/** May this person read about this fleet here, and ask for a plan of it? */
export function mayView(actor: Actor, policy: Policy): Refusal | undefined {
  if (!isItsPlace(actor, policy)) {
    return { code: 'wrong-channel', text: 'This fleet is shown in its own channel, not here.' };
  }
  const { viewers, approvers } = policy;
  if (viewers.length === 0 || isAmong(actor, viewers) || isAmong(actor, approvers)) return undefined;
  return { code: 'not-a-viewer', text: 'You are not one of the viewers of this fleet.' };
}

/**
 * May this person approve this plan of this run now? `planId` is the plan that the person saw. Only ids count, never
 * names.
 * @returns why not, or `undefined`
 */
export function mayApprove(
  run: Run,
  planId: string,
  actor: Actor,
  policy: Policy,
  circumstances: Circumstances,
): Refusal | undefined {
  const { now, lock, onBranch, authorship } = circumstances;
  const refused = mayAct(actor, policy) ?? notOpen(run, planId, now);
  if (refused !== undefined || run.phase !== 'planned') return refused;
  const { goal } = run.plan;
  return (
    (needsBranch(goal, policy) ? branchRefusal(run.branch, goal.commit.sha, onBranch) : undefined) ??
    (policy.authorMayApprove ? undefined : authorRefusal(actor, authorship, policy)) ??
    (lock === undefined ? undefined : lockedBy(lock)) ??
    quorumRefusal(run, actor, policy)
  );
}

/** May this person reject this plan of this run now? */
export function mayReject(run: Run, planId: string, actor: Actor, policy: Policy, now: number) {
  return mayAct(actor, policy) ?? notOpen(run, planId, now);
}

/**
 * Must the commit of a goal be on the fleet's branch? Not for a run for a single guest, which does not apply the whole
 * commit.
 */
export function needsBranch(goal: Goal, { allowOtherBranches }: Pick<Policy, 'allowOtherBranches'>): boolean {
  return !allowOtherBranches && onlyGuest(goal) === undefined;
}

/** Was the run's commit on another branch when the run began, so that the run cannot be approved? */
export function isOffBranch(
  { offBranch }: Pick<Run, 'offBranch'>,
  goal: Goal,
  policy: Pick<Policy, 'allowOtherBranches'>,
): boolean {
  return offBranch === true && needsBranch(goal, policy);
}

/** Why a commit that must be on a branch may not be applied. @param onBranch `undefined`: git could not tell */
export function branchRefusal(branch: string, sha: string, onBranch: boolean | undefined): Refusal | undefined {
  if (onBranch === true) return undefined;
  const short = shortSha(sha);
  const text =
    onBranch === undefined
      ? `Whether commit ${short} is on ${branch} cannot be told: git did not answer. Plan again.`
      : `Commit ${short} is not on ${branch}: merge it and plan again. ALLOW_OTHER_BRANCHES=true lets other branches be approved.`;
  return { code: 'other-branch', text };
}

function lockedBy({ by, reason }: Lock): Refusal {
  return { code: 'locked', text: `Applying is locked by ${by.name}: ${reason} (/proxnix unlock allows it again)` };
}

/**
 * Refuses a second approval by the same person. When ids of two chats may be one person, only the first approval
 * counts.
 */
function quorumRefusal({ approvals }: PlannedRun, actor: Actor, policy: Policy): Refusal | undefined {
  const { people, approvers } = policy;
  const me = personId(actor);
  const others = approvals.map(({ by }) => personId(by));
  if (others.some((other) => compareIds([me], [other], people) === 'same')) {
    return {
      code: 'already-approved',
      text: 'You have approved this plan already; it needs somebody else as well.',
    };
  }
  const twin = others.find((other) => compareIds([me], [other], people) === 'unknown');
  if (twin === undefined) return undefined;
  const known = [...approvers, ...Object.keys(people)];
  const [one, other] = [asConfigured(me, known), asConfigured(twin, known)];
  return {
    code: 'unmapped-person',
    text: `${one} may be the same person as ${other}, who has approved this plan: map both in PEOPLE, or let somebody else approve where ${other} did.`,
  };
}

/** Why a run cannot be decided any more, independent of the person. */
function notOpen(run: Run, planId: string, now: number): Refusal | undefined {
  switch (run.phase) {
    case 'planned':
      if (run.expiresAt <= now) return { code: 'plan-expired', text: 'This plan has expired. Plan again.' };
      if (planId !== run.plan.id) {
        return {
          code: 'plan-drifted',
          text: `Plan ${planId} is void: the cluster changed. The card shows the new plan.`,
        };
      }
      return undefined;
    case 'previewed':
      return {
        code: 'other-branch',
        text: `Run ${run.id} is a preview: merge its request into ${run.branch}, then decide about the plan of that branch.`,
      };
    case 'planning':
      return { code: 'already-decided', text: `Run ${run.id} is still planning.` };
    case 'queued':
    case 'applying':
      return { code: 'already-approved', text: `Run ${run.id} is ${run.phase} already.` };
    case 'superseded':
      return { code: 'plan-superseded', text: `Run ${run.byRun} took the place of this plan.` };
    case 'expired':
      return { code: 'plan-expired', text: 'This plan has expired. Plan again.' };
    case 'applied':
    case 'in-sync':
    case 'blocked':
    case 'failed':
    case 'cancelled':
    case 'interrupted':
    case 'rejected':
    case 'closed':
      return { code: 'already-decided', text: `Run ${run.id} is over (${run.phase}).` };
  }
}

/**
 * The text that a person types to approve a plan that destroys guests: the names, or a whole sentence when there are
 * more than `maxDestroy`. `undefined` when the plan destroys nothing.
 */
export function confirmationFor(plan: Plan, policy: Pick<Policy, 'maxDestroy'>): string | undefined {
  const names = runnable(plan)
    .filter((change) => change.action === 'destroy')
    .map((change) => change.name);
  if (names.length === 0) return undefined;
  return exceedsMaxDestroy(plan, policy)
    ? `destroy ${names.length} ${names.length === 1 ? 'guest' : 'guests'} of ${plan.goal.fleet}`
    : names.join(' ');
}

/** Does a plan destroy more than `maxDestroy` allows, or every guest of the fleet? */
export function exceedsMaxDestroy(plan: Plan, policy: Pick<Policy, 'maxDestroy'>): boolean {
  const destroys = runnable(plan).filter((change) => change.action === 'destroy').length;
  if (destroys === 0) return false;
  if (plan.goal.guests.length === 0) return true;
  const fleet = plan.goal.guests.length + destroys;
  return destroys > (policy.maxDestroy ?? Math.max(1, Math.floor(fleet / 5)));
}

/** Does the typed text match? White space, commas and the order of names do not matter. */
export function isConfirmed(typed: string, wanted: string): boolean {
  const words = (text: string) =>
    text
      .split(/[\s,]+/)
      .filter((word) => word !== '')
      .sort()
      .join(' ');
  return words(typed) === words(wanted);
}

function isItsPlace({ chat, workspace, channel }: Actor, { places }: Policy): boolean {
  const place = places.find((one) => one.chat === chat);
  return place !== undefined && place.workspace === workspace && place.channel === channel;
}
