import type { Change } from '../core/change.ts';
import { shortSha } from '../core/commit.ts';
import { type Plan, runnable } from '../core/plan.ts';
import type { Lock, Policy } from '../core/policy.ts';
import type { RollbackOffer } from '../core/rollback-offer.ts';
import type { ApplyGroup, Approval, Run, StepState } from '../core/run.ts';
import type { Step } from '../core/steps.ts';
import type { Block, GuestRow, Rich, Span } from './card.ts';

/** Facts that a card shows beside the run: the web address of the commit, the approvers, a lock, the run in front. */
export interface CardContext {
  /** `owner/name` of the repository. */
  readonly repository: string;
  /** Where commits can be seen, e.g. `https://git.example.org/acme/fleet`; absent for a local repository. */
  readonly webUrl?: string;
  /** Where a pull or merge request can be seen; absent where its forge is not known. */
  readonly pullUrl?: (number: number) => string;
  readonly policy: Pick<Policy, 'approvers' | 'maxDestroy' | 'allowOtherBranches'>;
  readonly lock?: Lock;
  /** The commit applied before this one. */
  readonly applied?: string;
  /** The run in front of this one in the queue: its id, or `of another fleet`. */
  readonly behind?: string;
  /** VMIDs of guests that a later run gave another root disk, or destroyed. */
  readonly changedSince?: readonly number[];
  /** What the run can be rolled back to with its button; absent where it cannot. */
  readonly rollback?: RollbackOffer;
  /** ROLLBACK_WINDOW: how long an old root disk is retained, in milliseconds. */
  readonly rollbackWindowMs: number;
  readonly now: number;
}

/** The commit of a run: its short hash with a link, subject, author, branch, and a link to a comparison. */
export function commitBlocks(run: Run, context: CardContext): readonly Block[] {
  const { commit } = run;
  if (commit === undefined) return [];
  const from = context.applied === undefined || context.applied === commit.sha ? undefined : context.applied;
  const compare: readonly Span[] =
    from === undefined || context.webUrl === undefined
      ? []
      : [
          ' · ',
          {
            link: `${context.webUrl}/compare/${from}...${commit.sha}`,
            text: `compare ${shortSha(from)}...${shortSha(commit.sha)}`,
          },
        ];
  return [
    { kind: 'text', rich: [commitSpan(commit.sha, context), ` ${commit.subject}`] },
    { kind: 'small', rich: [`by ${commit.author}${whereIs(run)} of ${context.repository}`, ...compare] },
  ];
}

/**
 * ` on main`; ` on main (as v1.2)` for a ref that somebody named; ` on other` for a branch other than the fleet's;
 * nothing where git could not tell.
 */
function whereIs({ branch, ref, offBranch }: Run): string {
  if (offBranch === 'unknown') return '';
  if (offBranch === undefined) return ref === undefined ? ` on ${branch}` : ` on ${branch} (as ${ref})`;
  return ref === undefined || /^[0-9a-f]{7,64}$/i.test(ref) ? `, not on ${branch}` : ` on ${ref}`;
}

/** The short hash of a commit, with a link where its page is known. */
export function commitSpan(sha: string, context: CardContext): Span {
  if (context.webUrl === undefined) return { code: shortSha(sha) };
  return { link: `${context.webUrl}/commit/${sha}`, text: shortSha(sha) };
}

/** An advice, whose commands and fields stand between backticks, with those as code. */
export function adviceText(text: string): Rich {
  return text
    .split(/(`[^`\n]+`)/)
    .filter((part) => part !== '')
    .map((part) => (/^`[^`]+`$/.test(part) ? { code: part.slice(1, -1) } : part));
}

/** ` · run r-41 · plan p-7f3c2a`: the ids that commands take. */
export function ids(run: Pick<Run, 'id'>, plan?: Plan): Rich {
  const planId: readonly Span[] = plan === undefined ? [] : [' · plan ', { code: plan.id }];
  return [' · run ', { code: run.id }, ...planId];
}

/** `Approved by Ada at 10:02` */
export function approvedBy(approvals: readonly Approval[]): Rich {
  const last = approvals.at(-1);
  if (last === undefined) return ['Approved'];
  const names = approvals.flatMap(({ by }, index): Span[] => [...(index === 0 ? [] : [', ']), { person: by }]);
  return ['Approved by ', ...names, ' at ', { time: last.at, show: 'time' }];
}

/** The lock with its reason; shown on the card of every open run. */
export function lockBlocks(context: CardContext): readonly Block[] {
  const { lock } = context;
  if (lock === undefined) return [];
  return [{ kind: 'warning', rich: [{ bold: 'Applying is locked' }, ' by ', { person: lock.by }, `: ${lock.reason}`] }];
}

/** The verb of each action, and its past participle. */
export const verbs: Readonly<Record<Change['action'], { readonly now: string; readonly done: string }>> = {
  destroy: { now: 'destroy', done: 'destroyed' },
  'clean-up': { now: 'clean up', done: 'cleaned up' },
  replace: { now: 'replace', done: 'replaced' },
  rollback: { now: 'roll back', done: 'rolled back' },
  update: { now: 'update', done: 'updated' },
  create: { now: 'create', done: 'created' },
  adopt: { now: 'adopt', done: 'adopted' },
  conflict: { now: 'blocked', done: 'blocked' },
};

/** `1 VM`, `3 VMs`. */
export function count(many: number, one: string, several = `${one}s`): string {
  return `${many} ${many === 1 ? one : several}`;
}

/** `4.2 s`, `52 s`, `3 min 41 s`, `1 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${Math.floor(seconds * 10) / 10} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long a guest has been running: `12 d`, `1 h 5 min`. */
export function uptimeText(seconds: number): string {
  return seconds < 172_800 ? duration(seconds * 1000) : `${Math.floor(seconds / 86_400)} d`;
}

/** A configured duration: `24 h`, `7 d`, `90 min`. */
export function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes % 60 !== 0) return `${minutes} min`;
  const hours = minutes / 60;
  return hours % 24 === 0 && hours > 24 ? `${hours / 24} d` : `${hours} h`;
}

/** `test-website (823)` */
export function guestName(guest: { readonly name: string; readonly vmid: number }): string {
  return `${guest.name} (${guest.vmid})`;
}

/** The actions in the order of a plan, with how many of each: `destroy 1, create 2`. */
export function counts(changes: readonly Change[], tense: 'now' | 'done' = 'now'): string {
  const actions = ['destroy', 'clean-up', 'replace', 'rollback', 'update', 'create', 'adopt'] as const;
  const parts = actions
    .map((action) => ({ action, many: changes.filter((change) => change.action === action).length }))
    .filter(({ many }) => many > 0)
    .map(({ action, many }) => `${verbs[action][tense]} ${many}`);
  return parts.join(', ');
}

/** What a plan does, in short: `replace 1, 1 blocked`, `2 blocked`, `nothing to do`. */
export function planCounts(plan: Plan, tense: 'now' | 'done' = 'now'): string {
  if (plan.changes.length === 0) return 'nothing to do';
  return `${counts(runnable(plan), tense)}${blockedCount(plan)}`.replace(/^, /, '');
}

/** `, 2 blocked`, or nothing. */
function blockedCount(plan: Plan): string {
  const blocked = plan.changes.filter((change) => change.blocked !== undefined).length;
  return blocked === 0 ? '' : `, ${blocked} blocked`;
}

/** A row for each group of an apply: its state, its action, its progress. */
export function groupRows(groups: readonly ApplyGroup[], now: number): readonly GuestRow[] {
  return groups.map((group) => {
    const { name, vmid, state, startedAt } = group;
    const isGuest = name !== undefined && vmid !== undefined;
    const fraction = currentStep(group)?.progress?.fraction;
    return {
      ...(isGuest ? { guest: { name, vmid } } : {}),
      action: verbWord(group),
      state: state === 'not-started' ? 'waiting' : state,
      step: detailOf(group),
      note: elapsed(group, now),
      ...(state !== 'running' || fraction === undefined ? {} : { fraction }),
      ...(state !== 'running' || startedAt === undefined ? {} : { startedAt }),
    };
  });
}

function elapsed({ startedAt, endedAt, state }: ApplyGroup, now: number): string {
  if (startedAt === undefined) return '';
  if (state === 'done' && endedAt !== undefined) return duration(endedAt - startedAt);
  return state === 'running' ? duration(now - startedAt) : '';
}

function currentStep({ steps }: ApplyGroup): StepState | undefined {
  return steps.find((state) => state.state === 'running') ?? steps.at(-1);
}

/** The current step of the group and its progress. */
function detailOf(group: ApplyGroup): string {
  const current = currentStep(group);
  if (current === undefined) return '';
  const { step, progress } = current;
  if (step.kind === 'build') return count(step.images.length, 'image');
  if (step.kind === 'upload') return count(group.steps.length, 'image');
  if (progress?.fraction === undefined) return stepWords[step.kind];
  return `${stepWords[step.kind]} ${Math.floor(progress.fraction * 100)} %`;
}

/** The groups that work on a guest: without builds and uploads. */
export function guestGroups(groups: readonly ApplyGroup[]): readonly ApplyGroup[] {
  return groups.filter((group) => group.vmid !== undefined);
}

/** `test-website (823)`; `build` or `upload` for a group without a guest. */
export function groupGuest(group: ApplyGroup): string {
  return group.vmid === undefined || group.name === undefined
    ? group.action
    : guestName({ name: group.name, vmid: group.vmid });
}

/** The action and the guest of a group: `replace test-worker (822)`. */
export function groupName(group: ApplyGroup): string {
  return group.vmid === undefined ? group.action : `${verbWord(group)} ${groupGuest(group)}`;
}

/** The verb of a group: `replace`. */
export function verbWord(group: ApplyGroup): string {
  return group.action === 'build' || group.action === 'upload' ? group.action : verbs[group.action].now;
}

/** The words for each kind of guest step. */
export const stepWords: Readonly<Record<Exclude<Step['kind'], 'build' | 'upload'>, string>> = {
  create: 'creating',
  import: 'disk import',
  resize: 'disk resize',
  start: 'starting',
  backup: 'backup',
  configure: 'settings',
  'move-disk': 'disk move',
  'move-firmware': 'firmware disks',
  'data-disks': 'data disks',
  'restore-disks': 'data disks',
  restart: 'restarting',
  prepare: 'disk import',
  attach: 'disk attach',
  swap: 'disk swap',
  rollback: 'disk rollback',
  health: 'health',
  finish: 'final tags',
  adopt: 'taking over',
  stop: 'stopping',
  shutdown: 'shutting down',
  pool: 'pool',
  destroy: 'destroying',
  discard: 'discarding',
  free: 'freeing disks',
};

/** The outcome of the step that was running when the bot stopped. */
export type CutOff =
  | { readonly kind: 'build' | 'no-task' | 'forgotten' | 'unreachable' }
  /** Its task finished after the bot stopped; `text` is its exit status in Proxmox. */
  | { readonly kind: 'ended'; readonly text: string };

/** The outcome as a sentence. It does not call the step done, because a step may be several tasks. */
export function cutOffNote(step: Step, cutOff: CutOff): string {
  const what = 'vmid' in step ? `${step.name} (${step.vmid}), ${stepWords[step.kind]}` : step.kind;
  const anew = step.kind === 'backup' ? ' The next run makes a backup of its own.' : '';
  switch (cutOff.kind) {
    case 'build':
      return 'The build was under way; a build changes nothing in the cluster.';
    case 'no-task':
      return `${what}: it had started; no task of it is known.${anew}`;
    case 'forgotten':
      return `${what}: the cluster no longer knows its task.${anew}`;
    case 'unreachable':
      return `${what}: the outcome of its task could not be read.${anew}`;
    case 'ended':
      return `${what}: its task finished after the bot stopped, with "${cutOff.text}".${anew}`;
  }
}

/** How far an apply came when no step was running as the bot stopped. */
export function stoppedBetween(steps: readonly StepState[]): string {
  const last = steps.findLast(({ state }) => state === 'done');
  if (last === undefined) return 'No step had started; nothing was changed.';
  if (steps.every(({ state }) => state === 'done')) return 'Every step was done before the bot stopped.';
  const { step } = last;
  const what = 'vmid' in step ? `${step.name} (${step.vmid}), ${stepWords[step.kind]}` : step.kind;
  return `${what}: done; the steps after it were not started.`;
}

/** The last `most` lines of output of another program, unchanged. */
export function detailBlocks(details: readonly string[], most = 12): readonly Block[] {
  if (details.length === 0) return [];
  return [{ kind: 'lines', lines: details.slice(-most).map((text) => ({ text })) }];
}
