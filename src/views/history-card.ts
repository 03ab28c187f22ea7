import { shortSha } from '../core/commit.ts';
import { runnable } from '../core/plan.ts';
import type { Run } from '../core/run.ts';
import type { Block, Card } from './card.ts';
import { counts, duration } from './words.ts';

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

/** A run in one line: `r-41 applied 9b1f2ad: create 1, update 2, in 52 s by Ada`. */
export function runLine(run: Run): string {
  const commit = run.commit === undefined ? '' : ` ${shortSha(run.commit.sha)}`;
  const plan = 'plan' in run ? run.plan : run.phase === 'failed' ? run.applying?.plan : undefined;
  const what = plan === undefined ? '' : `: ${counts(runnable(plan)) || 'nothing to run'}`;
  const took = 'appliedFrom' in run && 'endedAt' in run ? `, in ${duration(run.endedAt - run.appliedFrom)}` : '';
  const by = 'approvals' in run ? run.approvals.at(-1)?.by.name : undefined;
  const why = run.phase === 'failed' ? `: ${run.failure.message}` : '';
  return `${run.id} ${run.phase}${commit}${what}${took}${by === undefined ? '' : `, approved by ${by}`}${why}`;
}
