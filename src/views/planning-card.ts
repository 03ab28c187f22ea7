import { shortSha } from '../core/commit.ts';
import type { FailedRun, PlanningRun, Run } from '../core/run.ts';
import type { Block, Card } from './card.ts';
import type { CardContext } from './context.ts';
import { commitBlocks, ids, lockBlocks } from './parts.ts';

/** A run that has no plan yet: what it does now. */
export function planningCard(run: PlanningRun, context: CardContext): Card {
  const activity = {
    waiting: context.behind === undefined ? 'waiting for its turn' : `waiting for run ${context.behind}`,
    fetching: 'fetching the inputs of the flake',
    evaluating: 'evaluating the flake',
    images: 'evaluating the images',
    comparing: 'comparing with the cluster',
  }[run.activity];
  return {
    tone: 'working',
    title: `Planning: ${activity}`,
    blocks: [...commitBlocks(run, context), ...lockBlocks(context), { kind: 'small', rich: [run.fleet, ...ids(run)] }],
    buttons: [],
    files: [],
  };
}

/** A run that could not be planned. Nothing was touched. */
export function failedPlanningCard(run: FailedRun, context: CardContext): Card {
  const { failure } = run;
  return {
    tone: 'bad',
    title: 'Failed: nothing was changed',
    blocks: [
      ...commitBlocks(run, context),
      { kind: 'divider' },
      { kind: 'text', rich: [{ bold: failure.message }] },
      ...detailBlocks(failure.details),
      ...(failure.next === undefined ? [] : [{ kind: 'text', rich: [failure.next] } as const]),
      { kind: 'small', rich: [run.fleet, ...ids(run)] },
    ],
    buttons: [{ action: 'plan-again', label: 'Plan again', style: 'primary', runId: run.id }],
    files:
      failure.details.length > 12 ? [{ name: 'error.log', title: 'Full error', text: failure.details.join('\n') }] : [],
  };
}

/** Somebody else's lines, the newest of them, as they came. */
export function detailBlocks(details: readonly string[], most = 12): readonly Block[] {
  if (details.length === 0) return [];
  return [{ kind: 'lines', lines: details.slice(-most).map((text) => ({ text })) }];
}

/** `9b1f2ad (docs: say how)`, shortened. */
export function commitName(run: Run): string {
  if (run.commit === undefined) return run.branch;
  const { sha, subject } = run.commit;
  return `${shortSha(sha)} (${subject.length > 60 ? `${subject.slice(0, 59)}…` : subject})`;
}
