import type { Change } from '../core/change.ts';
import { shortSha } from '../core/commit.ts';
import type { Plan } from '../core/plan.ts';
import type { Lock, Policy } from '../core/policy.ts';
import type { Approval, Run } from '../core/run.ts';
import type { Block, Rich, Span } from './card.ts';

/** What a card says beside the run itself: where the commit can be looked at, who decides, what holds applies up. */
export interface CardContext {
  /** `owner/name` of the repository, as people know it. */
  readonly repository: string;
  /** Where commits can be seen, e.g. `https://git.example.org/acme/fleet`; absent for a local repository. */
  readonly webUrl?: string;
  readonly policy: Pick<Policy, 'approvers' | 'maxDestroy' | 'allowOtherBranches'>;
  readonly lock?: Lock;
  /** The commit applied before this one. */
  readonly applied?: string;
  /** The run that is in front of this one in the lane: its id, or `of another fleet`. */
  readonly behind?: string;
  /** How long a root disk that was taken out is kept, in milliseconds. */
  readonly rollbackWindowMs: number;
  readonly now: number;
}

/** The commit of a run: short and linked, its first line, who wrote it, where, and a link that compares. */
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

/** ` on main`; ` on main (as v1.2)` for a commit that somebody named; where it is not on main, the branch they named. */
function whereIs({ branch, ref, offBranch }: Run): string {
  if (offBranch === undefined) return ref === undefined ? ` on ${branch}` : ` on ${branch} (as ${ref})`;
  return ref === undefined || /^[0-9a-f]{7,64}$/i.test(ref) ? `, not on ${branch}` : ` on ${ref}`;
}

function commitSpan(sha: string, context: CardContext): Span {
  if (context.webUrl === undefined) return { code: shortSha(sha) };
  return { link: `${context.webUrl}/commit/${sha}`, text: shortSha(sha) };
}

/** ` · run r-41 · plan p-7f3c2a`: what to name when talking about it. */
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

/** The reason for which applies are stopped; it stands on every card. */
export function lockBlocks(context: CardContext): readonly Block[] {
  const { lock } = context;
  if (lock === undefined) return [];
  return [{ kind: 'warning', rich: [{ bold: 'Applying is locked' }, ' by ', { person: lock.by }, `: ${lock.reason}`] }];
}

/** The action of a change as a verb, and as what was done. */
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

/** A time as it is set: `24 h`, `7 d`, `90 min`. */
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

/** `, 2 blocked`, or nothing. */
export function blockedCount(plan: Plan): string {
  const blocked = plan.changes.filter((change) => change.blocked !== undefined).length;
  return blocked === 0 ? '' : `, ${blocked} blocked`;
}
