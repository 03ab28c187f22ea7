import { type Plan, runnable } from './plan.ts';
import type { Run, Who } from './run.ts';

/** Why a press or a command was refused; each is explained in the README. */
export type ReasonCode =
  | 'not-an-approver'
  | 'author-may-not-approve'
  | 'plan-superseded'
  | 'plan-expired'
  | 'plan-drifted'
  | 'already-approved'
  | 'already-decided'
  | 'locked'
  | 'wrong-channel'
  | 'needs-confirmation';

export interface Refusal {
  readonly code: ReasonCode;
  readonly text: string;
}

/** Somebody with the immutable ids of the groups the chat vouches for, and where they press. */
export interface Actor extends Who {
  readonly groups: readonly string[];
  readonly workspace: string;
  readonly channel: string;
}

/** Who may decide about a fleet's plans. */
export interface Policy {
  /** `console:<id>`, `discord:user:<id>`, `discord:role:<id>`, `slack:user:<id>`, `slack:group:<id>`. Empty: nobody. */
  readonly approvers: readonly string[];
  /** How many people must approve. */
  readonly approvals: number;
  readonly authorMayApprove: boolean;
  /** Ids, spelled like approvers, by the author name that git tells. */
  readonly authors: Readonly<Record<string, readonly string[]>>;
  /** More destroys than this need the whole sentence typed; absent: a fifth of the fleet, at least one. */
  readonly maxDestroy?: number | undefined;
  /** The one place of each chat where this fleet is decided. */
  readonly places: readonly { readonly chat: Who['chat']; readonly workspace: string; readonly channel: string }[];
}

/** A lock that a person set on applies; plans go on. */
export interface Lock {
  readonly reason: string;
  readonly by: Who;
  readonly at: number;
}

/** May this person decide anything about this fleet here? */
export function mayAct(actor: Actor, policy: Policy): Refusal | undefined {
  const place = policy.places.find((one) => one.chat === actor.chat);
  if (place === undefined || place.workspace !== actor.workspace || place.channel !== actor.channel) {
    return { code: 'wrong-channel', text: 'This fleet is decided in its own channel, not here.' };
  }
  if (!idsOf(actor).some((id) => policy.approvers.includes(id))) {
    const nobody = policy.approvers.length === 0;
    return {
      code: 'not-an-approver',
      text: nobody ? 'Nobody may approve: APPROVERS is not set.' : 'You are not one of the approvers of this fleet.',
    };
  }
  return undefined;
}

/**
 * May this person approve this plan of this run now? `planId` is the plan they saw. Everything is decided from ids.
 * @returns why not, or `undefined`
 */
export function mayApprove(
  run: Run,
  planId: string | undefined,
  actor: Actor,
  policy: Policy,
  lock: Lock | undefined,
  now: number,
): Refusal | undefined {
  const refused = mayAct(actor, policy) ?? notOpen(run, planId, now);
  if (refused !== undefined) return refused;
  if (!policy.authorMayApprove && run.commit !== undefined) {
    const { author: name } = run.commit;
    const author = Object.hasOwn(policy.authors, name) ? (policy.authors[name] ?? []) : [];
    if (idsOf(actor).some((id) => author.includes(id))) {
      return { code: 'author-may-not-approve', text: 'You wrote this commit: somebody else has to approve it.' };
    }
  }
  if (lock !== undefined) return { code: 'locked', text: `Applies are locked by ${lock.by.name}: ${lock.reason}` };
  if (run.phase === 'planned' && run.approvals.some(({ by }) => by.chat === actor.chat && by.id === actor.id)) {
    return { code: 'already-approved', text: 'You have approved this plan already; it needs somebody else as well.' };
  }
  return undefined;
}

/** May this person reject this plan of this run now? */
export function mayReject(run: Run, planId: string | undefined, actor: Actor, policy: Policy, now: number) {
  return mayAct(actor, policy) ?? notOpen(run, planId, now);
}

/** Why a run cannot be decided any more, whoever asks. */
function notOpen(run: Run, planId: string | undefined, now: number): Refusal | undefined {
  switch (run.phase) {
    case 'planned':
      if (run.expiresAt <= now) return { code: 'plan-expired', text: 'This plan has expired. Plan again.' };
      if (planId !== undefined && planId !== run.plan.id) {
        return {
          code: 'plan-drifted',
          text: `Plan ${planId} is void: the cluster moved. The card shows the new plan.`,
        };
      }
      return undefined;
    case 'planning':
      return { code: 'already-decided', text: `Run ${run.id} is still planning.` };
    case 'queued':
    case 'applying':
    case 'applied':
      return { code: 'already-approved', text: `Run ${run.id} is ${run.phase} already.` };
    case 'superseded':
      return { code: 'plan-superseded', text: `Run ${run.byRun} took the place of this plan.` };
    case 'expired':
      return { code: 'plan-expired', text: 'This plan has expired. Plan again.' };
    case 'in-sync':
    case 'blocked':
    case 'failed':
    case 'cancelled':
    case 'interrupted':
    case 'rejected':
      return { code: 'already-decided', text: `Run ${run.id} is over (${run.phase}).` };
  }
}

/**
 * What must be typed before a plan that destroys guests is approved: the names, or a whole sentence when there are more
 * of them than `maxDestroy`. `undefined` when nothing is destroyed.
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

/** Does a plan destroy more than is usual, or everything the fleet has? */
export function exceedsMaxDestroy(plan: Plan, policy: Pick<Policy, 'maxDestroy'>): boolean {
  const destroys = runnable(plan).filter((change) => change.action === 'destroy').length;
  if (destroys === 0) return false;
  if (plan.goal.guests.length === 0) return true;
  const fleet = plan.goal.guests.length + destroys;
  return destroys > (policy.maxDestroy ?? Math.max(1, Math.floor(fleet / 5)));
}

/** Is this what had to be typed? White space and commas between names do not matter, their order does not either. */
export function isConfirmed(typed: string, wanted: string): boolean {
  const words = (text: string) =>
    text
      .split(/[\s,]+/)
      .filter((word) => word !== '')
      .sort()
      .join(' ');
  return words(typed) === words(wanted);
}

function idsOf(actor: Actor): readonly string[] {
  if (actor.chat === 'console') return [`console:${actor.id}`];
  const group = actor.chat === 'discord' ? 'role' : 'group';
  return [`${actor.chat}:user:${actor.id}`, ...actor.groups.map((id) => `${actor.chat}:${group}:${id}`)];
}
