import { type ApplyGroup, applyGroups } from '../core/apply-groups.ts';
import { shortSha } from '../core/commit.ts';
import { runnable } from '../core/plan.ts';
import { type Approval, planOf, type Run } from '../core/run.ts';
import type { Block, Card } from './card.ts';
import { count, counts, duration } from './format.ts';

/** The newest runs, newest first. */
export function historyCard(runs: readonly Run[]): Card {
  return {
    tone: 'quiet',
    title: runs.length === 0 ? 'History: no run yet' : 'History',
    blocks: runs.map(
      (run): Block => ({ kind: 'text', rich: [runLine(run), ' · ', { time: run.startedAt, show: 'relative' }] }),
    ),
    buttons: [],
    files: [],
  };
}

/** A run in one line: `r-41 applied 9b1f2ad: create 1, update 2, in 52 s, approved by Ada`. */
export function runLine(run: Run): string {
  const commit = run.commit === undefined ? '' : ` ${shortSha(run.commit.sha)}`;
  const plan = planOf(run);
  const what = plan === undefined ? '' : `: ${counts(runnable(plan)) || 'nothing to run'}`;
  return [`${run.id} ${run.phase}${commit}${what}`, ...outcome(run)].join(', ');
}

function outcome(run: Run): readonly string[] {
  switch (run.phase) {
    case 'planned':
      return [`${run.approvals.length} of ${run.needed} approvals`];
    case 'rejected':
      return [`by ${run.by.name}`, ...(run.reason === undefined ? [] : [run.reason])];
    case 'applied':
      return [`in ${duration(run.endedAt - run.appliedFrom)}`, ...approvers(run.approvals)];
    case 'cancelled':
    case 'interrupted':
      return [doneSoFar(applyGroups(run.plan, run.steps)), ...approvers(run.approvals)];
    case 'failed':
      return [run.failure.message];
    case 'queued':
    case 'applying':
      return approvers(run.approvals);
    default:
      return [];
  }
}

function doneSoFar(groups: readonly ApplyGroup[]): string {
  const guests = groups.filter((group) => group.vmid !== undefined);
  return `${guests.filter((group) => group.state === 'done').length} of ${count(guests.length, 'guest')} done`;
}

function approvers(approvals: readonly Approval[]): readonly string[] {
  return approvals.length === 0 ? [] : [`approved by ${approvals.map(({ by }) => by.name).join(', ')}`];
}
