import { runnable } from '../core/plan.ts';
import type { Run } from '../core/run.ts';
import { count, planCounts } from './parts.ts';

/** What a forge shows beside a commit. */
export interface CommitOutcome {
  readonly state: 'pending' | 'success' | 'failure';
  /** One short line. */
  readonly text: string;
}

/**
 * The state of a commit, from the run for it. A run that ended always gives a final state: nothing stays pending on a
 * forge for which nobody works any more. A superseded commit is no failure: nothing is wrong with it, and a newer one is
 * looked at.
 */
export function commitOutcome(run: Run): CommitOutcome {
  const { state, text } = outcomeOf(run);
  return { state, text: `${text} (run ${run.id})` };
}

/** The state of a commit that a newer one replaced while it was planned. */
export const overtaken: CommitOutcome = {
  state: 'success',
  text: 'a newer commit took its place: nothing was changed',
};

function outcomeOf(run: Run): CommitOutcome {
  switch (run.phase) {
    case 'planning':
      return { state: 'pending', text: 'planning' };
    case 'planned':
      return { state: 'pending', text: `waits for approval: ${planCounts(run.plan)}` };
    case 'previewed': {
      const { preview } = run;
      const isBlocked = preview.changes.length > 0 && runnable(preview).length === 0;
      return { state: isBlocked ? 'failure' : 'success', text: `preview: ${planCounts(preview)}` };
    }
    case 'closed':
      return { state: 'success', text: 'the request is closed: nothing was changed' };
    case 'queued':
      return { state: 'pending', text: `approved: ${planCounts(run.plan)}` };
    case 'applying':
      return { state: 'pending', text: `applying: ${planCounts(run.plan)}` };
    case 'applied':
      return { state: 'success', text: `applied: ${planCounts(run.plan, 'done')}` };
    case 'in-sync':
      return {
        state: 'success',
        text: run.standing === undefined ? 'nothing to do' : `changes nothing in the plan of run ${run.standing}`,
      };
    case 'blocked':
      return { state: 'failure', text: `blocked: ${count(run.plan.changes.length, 'change')} cannot be run` };
    case 'failed':
      return { state: 'failure', text: run.applying === undefined ? 'no plan could be made' : 'the apply failed' };
    case 'cancelled':
      return { state: 'failure', text: 'the apply was stopped by a person' };
    case 'interrupted':
      return { state: 'failure', text: 'the bot stopped during the apply' };
    case 'rejected':
      return { state: 'failure', text: 'the plan was rejected: nothing was changed' };
    case 'expired':
      return { state: 'failure', text: 'nobody decided in time: nothing was changed' };
    case 'superseded':
      return { state: 'success', text: `superseded by run ${run.byRun}: nothing was changed` };
  }
}
