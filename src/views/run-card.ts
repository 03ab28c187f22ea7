import { shortSha } from '../core/commit.ts';
import type { Failure } from '../core/errors.ts';
import {
  type ApplyingRun,
  applyGroups,
  type FailedRun,
  isPreview,
  type PlannedRun,
  type PlanningRun,
  type QueuedRun,
  type Run,
  type StepState,
} from '../core/run.ts';
import type { Block, Button, Card } from './card.ts';
import { endedCard, endTitle, logFile } from './ended-card.ts';
import {
  adviceText,
  approvedBy,
  type CardContext,
  commitBlocks,
  counts,
  detailBlocks,
  groupName,
  groupRows,
  guestName,
  ids,
  lockBlocks,
  stepWords,
} from './parts.ts';
import { planAgain, planCard, planFile, plannedNoMore } from './plan-card.ts';
import { closedCard, previewCard } from './preview.ts';

/** The card of a run, the same for every chat. It is drawn again from the run after every change. */
export function runCard(run: Run, context: CardContext): Card {
  switch (run.phase) {
    case 'planning':
      return planningCard(run, context);
    case 'in-sync': {
      const { trigger, standing } = run;
      const commit = commitName(run);
      if (standing !== undefined) {
        return quiet(`No change: ${commit} changes nothing in the plan; run ${standing} is still open`);
      }
      if (trigger.kind === 'drift') return quiet(`In sync: the drift from ${commit} is gone`);
      if (trigger.kind !== 'adopt') return quiet(`In sync: ${commit} changes nothing`);
      const why = 'its VMID is free, or proxnix manages it already';
      return quiet(`In sync: ${trigger.guest} of ${commit} needs no adoption; ${why}`);
    }
    case 'planned':
    case 'blocked':
      return planCard(run, context);
    case 'previewed':
      return previewCard(run, context);
    case 'closed':
      return closedCard(run);
    case 'queued':
    case 'applying':
      return workingCard(run, context);
    case 'applied':
    case 'cancelled':
    case 'interrupted':
      return endedCard(run, context);
    case 'failed':
      return run.applying === undefined
        ? failedPlanningCard(run, context)
        : endedCard({ ...run, ...run.applying }, context);
    case 'rejected':
    case 'superseded':
    case 'expired':
      return plannedNoMore(run, context);
  }
}

function quiet(title: string): Card {
  return { tone: 'quiet', title, blocks: [], buttons: [], files: [] };
}

/** The reply in the thread when an apply has ended. A reply notifies people, an edit does not. */
export function endReply(run: Run): Card | undefined {
  if (run.phase === 'failed') {
    if (run.applying === undefined) return undefined;
    return reply(endTitle({ ...run, ...run.applying }, applyGroups(run.applying.plan, run.steps)), 'bad', run);
  }
  if (run.phase !== 'applied' && run.phase !== 'cancelled' && run.phase !== 'interrupted') return undefined;
  return reply(endTitle(run, applyGroups(run.plan, run.steps)), run.phase === 'applied' ? 'good' : 'bad', run);
}

/** The reply in the thread of a plan that expires soon. */
export function expiryReply(run: PlannedRun): Card {
  const blocks: Card['blocks'] = [
    {
      kind: 'text',
      rich: [
        `It has ${run.approvals.length} of ${run.needed} approvals and expires `,
        { time: run.expiresAt, show: 'relative' },
        '.',
      ],
    },
  ];
  return {
    tone: 'waiting',
    title: `Plan ${run.plan.id} of run ${run.id} expires soon`,
    blocks,
    buttons: [],
    files: [],
  };
}

/** The reply with the whole logs of the derivations that broke in a build. */
export function buildLogReply(logs: readonly { readonly derivation: string; readonly text: string }[]): Card {
  const names = logs.map(({ derivation }) => derivation).join(', ');
  const files = logs.map(({ derivation, text }) => ({
    name: `${derivation}.log`,
    title: `Log of ${derivation}`,
    text,
  }));
  return { tone: 'bad', title: `Whole log of ${names}`, blocks: [], buttons: [], files };
}

function reply(title: string, tone: Card['tone'], run: Extract<Run, { steps: unknown }>): Card {
  return { tone, title, blocks: [], buttons: [], files: logFile(run.steps) };
}

/** A run that has no plan yet, with its current activity. */
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

/** The whole error, where the card shows less of it. */
function errorFile({ log, details }: Failure): Card['files'] {
  const text = log ?? (details.length > 12 ? details.join('\n') : undefined);
  return text === undefined ? [] : [{ name: 'error.log', title: 'Full error', text }];
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
      ...(failure.next === undefined ? [] : [{ kind: 'text', rich: adviceText(failure.next) } as const]),
      { kind: 'small', rich: [run.fleet, ...ids(run)] },
    ],
    // Of a request the next commit is planned again by itself, and the button would plan the branch.
    buttons: isPreview(run) ? [] : [planAgain(run)],
    files: errorFile(failure),
  };
}

/** `9b1f2ad (docs: say how)`, shortened. */
export function commitName(run: Run): string {
  if (run.commit === undefined) return run.branch;
  const { sha, subject } = run.commit;
  return `${shortSha(sha)} (${subject.length > 60 ? `${subject.slice(0, 59)}…` : subject})`;
}

/** An approved run that is queued or applying. */
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
                onGuest ? ' asked to stop: the current guest is finished first.' : ' asked to stop.',
              ],
            } as const,
          ]),
      { kind: 'guests', of: 'apply', rows: groupRows(groups, context.now) },
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
    files: [planFile(run.plan, run)],
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
    files: [planFile(run.plan, run)],
  };
}

/** The reason why an approved run has not started. */
function waitsFor({ behind, lock }: CardContext): string {
  if (behind !== undefined) return `waits for run ${behind}`;
  return lock === undefined ? 'starts in a moment' : 'waits until applying is unlocked';
}

function progressBlocks(steps: readonly StepState[]): readonly Block[] {
  const current = steps.find((state) => state.state === 'running');
  if (current?.progress === undefined) return [];
  const { step, progress } = current;
  const label =
    'vmid' in step ? `${stepWords[step.kind]} of ${guestName(step)}` : step.kind === 'build' ? 'building' : 'uploading';
  return [{ kind: 'progress', label, ...progress }];
}
