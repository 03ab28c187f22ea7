import { applyGroups } from '../core/apply-groups.ts';
import type { ApplyingRun, QueuedRun, StepState } from '../core/run.ts';
import { groupLines, groupName } from './apply-groups.ts';
import type { Block, Button, Card } from './card.ts';
import type { CardContext } from './context.ts';
import { counts, guestName } from './format.ts';
import { approvedBy, commitBlocks, ids, lockBlocks } from './parts.ts';
import { planFile } from './plan-card.ts';
import { stepWords } from './step-text.ts';

/** A run that was approved: waiting for its turn, or at work. */
export function workingCard(run: QueuedRun | ApplyingRun, context: CardContext): Card {
  if (run.phase === 'queued') return queuedCard(run, context);
  const groups = applyGroups(run.plan, run.steps);
  const at = groups.findIndex((group) => group.state === 'running' || group.state === 'waiting');
  const group = groups[at];
  const where = group === undefined ? 'finishing' : `step ${at + 1} of ${groups.length}, ${groupName(group)}`;
  const onGuest = group?.vmid !== undefined;
  const cancel: Button = {
    action: 'cancel',
    label: onGuest ? 'Stop after this guest' : 'Stop',
    style: 'plain',
    runId: run.id,
    planId: run.plan.id,
  };
  return {
    tone: 'working',
    title: `Applying: ${where}`,
    blocks: [
      ...commitBlocks(run, context),
      ...lockBlocks(context),
      { kind: 'divider' },
      ...(run.cancelledBy === undefined
        ? []
        : [
            {
              kind: 'warning',
              rich: [
                { person: run.cancelledBy },
                onGuest ? ' asked to stop: the guest at work is finished first.' : ' asked to stop.',
              ],
            } as const,
          ]),
      { kind: 'lines', lines: groupLines(groups, context.now) },
      ...progressBlocks(run.steps),
      {
        kind: 'small',
        rich: [
          ...approvedBy(run.approvals),
          ' · started ',
          { time: run.appliedFrom, show: 'relative' },
          ...ids(run, run.plan),
        ],
      },
    ],
    buttons: run.cancelledBy === undefined ? [cancel] : [],
    files: [planFile(run.plan)],
  };
}

function queuedCard(run: QueuedRun, context: CardContext): Card {
  const behind = waitsFor(context);
  return {
    tone: 'working',
    title: `Approved: ${behind}`,
    blocks: [
      ...commitBlocks(run, context),
      ...lockBlocks(context),
      { kind: 'text', rich: [`Will ${counts(run.plan.changes.filter((change) => change.blocked === undefined))}.`] },
      { kind: 'small', rich: [...approvedBy(run.approvals), ...ids(run, run.plan)] },
    ],
    buttons: [],
    files: [planFile(run.plan)],
  };
}

/** What an approved run waits for. */
function waitsFor({ behind, lock }: CardContext): string {
  if (behind !== undefined) return `waits for run ${behind}`;
  return lock === undefined ? 'starts in a moment' : 'waits until applies are unlocked';
}

function progressBlocks(steps: readonly StepState[]): readonly Block[] {
  const current = steps.find((state) => state.state === 'running');
  if (current?.progress === undefined) return [];
  const { step, progress } = current;
  const label =
    'vmid' in step ? `${stepWords[step.kind]} of ${guestName(step)}` : step.kind === 'build' ? 'building' : 'uploading';
  return [{ kind: 'progress', label, ...progress }];
}
