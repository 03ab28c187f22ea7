import type { RolledBack } from '../core/errors.ts';
import { finalTagsOf } from '../core/outcome.ts';
import { type Plan, runnable } from '../core/plan.ts';
import type {
  AppliedRun,
  ApplyingRun,
  Approval,
  CancelledRun,
  FailedRun,
  InterruptedRun,
  QueuedRun,
  StepState,
} from '../core/run.ts';
import { type Stage, stagesOf } from '../core/stages.ts';
import type { Block, Button, Card, CardFile, Line, Rich } from './card.ts';
import type { CardContext } from './context.ts';
import { approvedBy, commitBlocks, ids, lockBlocks } from './parts.ts';
import { planAgain, planFile } from './plan-card.ts';
import { detailBlocks } from './planning-card.ts';
import { stepWords } from './step-words.ts';
import { blockedCount, count, counts, duration, guestName, verbs } from './words.ts';

type Ended =
  | AppliedRun
  | CancelledRun
  | InterruptedRun
  | (FailedRun & { readonly plan: Plan; readonly appliedFrom: number; readonly approvals: readonly Approval[] });

/** A run that was approved: waiting for its turn, or at work. */
export function workingCard(run: QueuedRun | ApplyingRun, context: CardContext): Card {
  if (run.phase === 'queued') return queuedCard(run, context);
  const stages = stagesOf(run.plan, run.steps);
  const at = stages.findIndex((stage) => stage.state === 'running' || stage.state === 'waiting');
  const stage = stages[at];
  const where = stage === undefined ? 'finishing' : `step ${at + 1} of ${stages.length}, ${stageName(stage)}`;
  const onGuest = stage?.vmid !== undefined;
  const cancel: Button = {
    action: 'cancel',
    label: onGuest ? 'Stop after this VM' : 'Stop',
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
                onGuest ? ' asked to stop: the VM at work is finished first.' : ' asked to stop.',
              ],
            } as const,
          ]),
      { kind: 'lines', lines: stageLines(stages, context.now) },
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

/** An apply that has ended, one way or another: what is done, what is not, and the tags. */
export function endedCard(run: Ended, context: CardContext): Card {
  const stages = stagesOf(run.plan, run.steps);
  const took = duration(run.endedAt - run.appliedFrom);
  return {
    tone: run.phase === 'applied' ? 'good' : 'bad',
    title: endTitle(run, stages),
    blocks: [
      ...commitBlocks(run, context),
      { kind: 'divider' },
      ...endedBlocks(run, stages),
      { kind: 'small', rich: [...approvedBy(run.approvals), ` · took ${took}`, ...ids(run, run.plan)] },
    ],
    // What a guest that was taken over comes to is the next plan's business.
    buttons: run.phase === 'applied' && run.plan.goal.adopt === undefined ? [] : [planAgain(run)],
    files: [planFile(run.plan), ...logFile(run.steps)],
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

export function endTitle(run: Ended, stages: readonly Stage[]): string {
  const broken = stages.findIndex((stage) => stage.state === 'failed');
  const stage = stages[broken];
  const where = stage === undefined ? '' : `: step ${broken + 1} of ${stages.length}, ${stageName(stage)}`;
  switch (run.phase) {
    case 'applied':
      return `Applied: ${counts(runnable(run.plan), 'done')}${blockedCount(run.plan)}`;
    case 'failed':
      return `Failed${run.failure.rolledBack === undefined ? '' : ', rolled back'}${where}`;
    case 'cancelled':
      return `Cancelled: ${count(guestStages(stages).filter((one) => one.state === 'done').length, 'VM')} of ${guestStages(stages).length} done`;
    case 'interrupted':
      return `Interrupted${where}`;
  }
}

function endedBlocks(run: Ended, stages: readonly Stage[]): readonly Block[] {
  const guests = guestStages(stages);
  const done = guests.filter((stage) => stage.state === 'done');
  if (run.phase === 'applied') {
    const width = nameWidth(done);
    const lines = done.flatMap((stage): Line[] => {
      const address = (stage.vmid === undefined ? undefined : run.addresses[String(stage.vmid)]) ?? '';
      const text = `${doneWord(stage).padEnd(10)} ${nameOf(stage, width)}`;
      if (text.length + 2 + address.length <= 60) return [{ text: `${text}  ${address}`.trimEnd() }];
      return [{ text }, { text: `${' '.repeat(11)}${address}` }];
    });
    return [{ kind: 'lines', lines }, ...tagBlocks(run.plan, done)];
  }
  const notStarted = guests.filter((stage) => stage.state === 'not-started');
  const failed = stages.find((stage) => stage.state === 'failed');
  const failedStep = failed?.steps.find((state) => state.state === 'failed');
  return [
    ...whyBlocks(run),
    ...(guests.some((stage) => stage.state === 'done' || stage.state === 'failed')
      ? []
      : [{ kind: 'text', rich: ['No VM was touched.'] } as const]),
    ...sentence('Done before: ', done, (stage) => `${stageGuest(stage)} ${doneWord(stage)}`),
    ...sentence('Not started: ', notStarted, stageName),
    ...detailBlocks(
      run.phase === 'failed' && run.failure.details.length > 0 ? run.failure.details : (failedStep?.output ?? []),
    ),
    ...(done.length === 0 ? [] : tagBlocks(run.plan, done)),
  ];
}

function whyBlocks(run: Exclude<Ended, AppliedRun>): readonly Block[] {
  switch (run.phase) {
    case 'failed': {
      const { message, next, rolledBack } = run.failure;
      return [
        { kind: 'warning', rich: [{ bold: message }] },
        ...(rolledBack === undefined ? [] : [{ kind: 'text', rich: rolledBackText(rolledBack) } as const]),
        ...(next === undefined ? [] : [{ kind: 'text', rich: [next] } as const]),
      ];
    }
    case 'cancelled':
      return [
        {
          kind: 'text',
          rich: [{ bold: 'Stopped by ' }, { person: run.cancelledBy }, '. Every VM that was begun is finished.'],
        },
      ];
    case 'interrupted':
      return [
        {
          kind: 'warning',
          rich: [
            { bold: 'The bot ended in the middle of this apply. ' },
            'What follows is from its journal and from the cluster.',
          ],
        },
        ...run.notes.map((note): Block => ({ kind: 'text', rich: [note] })),
      ];
  }
}

function rolledBackText({ name, vmid, imageHash }: RolledBack): Rich {
  const image: Rich = imageHash === undefined ? ['its old root disk'] : ['image ', { code: imageHash.slice(0, 8) }];
  return [{ bold: 'Rolled back: ' }, `${guestName({ name, vmid })} runs `, ...image, ' again and is healthy.'];
}

function sentence(label: string, stages: readonly Stage[], say: (stage: Stage) => string): readonly Block[] {
  if (stages.length === 0) return [];
  return [{ kind: 'text', rich: [{ bold: label }, stages.map(say).join(', '), '.'] }];
}

/** The tags each guest carries now, those that all share first. */
function tagBlocks(plan: Plan, done: readonly Stage[]): readonly Block[] {
  const tagged = done.flatMap((stage) => {
    const tags = stage.vmid === undefined ? undefined : finalTagsOf(stage.steps);
    return tags === undefined ? [] : [{ vmid: stage.vmid, tags }];
  });
  if (tagged.length === 0) return [];
  const shared =
    tagged.length < 2 ? [] : (tagged[0]?.tags ?? []).filter((tag) => tagged.every(({ tags }) => tags.includes(tag)));
  const block = (label: string, tags: readonly string[]): Line[] =>
    tags.map((tag, index) => ({ text: `${(index === 0 ? label : '').padEnd(9)} ${tag}` }));
  const lines = [
    ...block('all', shared),
    ...tagged.flatMap(({ vmid, tags }) =>
      block(
        String(vmid),
        tags.filter((tag) => !shared.includes(tag)),
      ),
    ),
  ];
  return [
    { kind: 'small', rich: [`Final tags in ${plan.goal.fleet}`] },
    { kind: 'lines', lines },
  ];
}

function stageLines(stages: readonly Stage[], now: number): readonly Line[] {
  const width = nameWidth(guestStages(stages));
  return stages.map((stage) => {
    const state = stage.state === 'not-started' ? 'waiting' : stage.state;
    const what = stage.name === undefined ? detailOf(stage).padEnd(width + 6) : nameOf(stage, width);
    const right = stage.name !== undefined && stage.state === 'running' ? detailOf(stage) : elapsed(stage, now);
    return { text: `${state.padEnd(8)} ${verbWord(stage).padEnd(8)} ${what}  ${right}`.trimEnd() };
  });
}

function elapsed(stage: Stage, now: number): string {
  if (stage.startedAt === undefined) return '';
  if (stage.state === 'done' && stage.endedAt !== undefined) return duration(stage.endedAt - stage.startedAt);
  return stage.state === 'running' ? duration(now - stage.startedAt) : '';
}

/** What the stage does right now, with how far that is. */
function detailOf(stage: Stage): string {
  const current = stage.steps.find((state) => state.state === 'running') ?? stage.steps.at(-1);
  if (current === undefined) return '';
  const { step, progress } = current;
  if (step.kind === 'build') return count(step.images.length, 'image');
  if (step.kind === 'upload') return count(stage.steps.length, 'image');
  if (progress?.fraction === undefined) return stepWords[step.kind];
  return `${stepWords[step.kind]} ${Math.floor(progress.fraction * 100)} %`;
}

function progressBlocks(steps: readonly StepState[]): readonly Block[] {
  const current = steps.find((state) => state.state === 'running');
  if (current?.progress === undefined) return [];
  const { step, progress } = current;
  const label =
    'vmid' in step ? `${stepWords[step.kind]} of ${guestName(step)}` : step.kind === 'build' ? 'building' : 'uploading';
  return [{ kind: 'progress', label, ...progress }];
}

export function logFile(steps: readonly StepState[]): readonly CardFile[] {
  const lines = steps.flatMap((state) =>
    state.output.length === 0 ? [] : [`== ${state.step.id}`, ...state.output, ''],
  );
  return lines.length === 0 ? [] : [{ name: 'run.log', title: 'Log', text: lines.join('\n') }];
}

function guestStages(stages: readonly Stage[]): readonly Stage[] {
  return stages.filter((stage) => stage.vmid !== undefined);
}

function nameWidth(stages: readonly Stage[]): number {
  return Math.min(24, Math.max(...stages.map((stage) => stage.name?.length ?? 0), 0));
}

function nameOf(stage: Stage, width: number): string {
  return `${(stage.name ?? '').padEnd(width)} (${stage.vmid})`;
}

function stageGuest(stage: Stage): string {
  return stage.vmid === undefined || stage.name === undefined
    ? stage.action
    : guestName({ name: stage.name, vmid: stage.vmid });
}

function stageName(stage: Stage): string {
  return stage.vmid === undefined ? stage.action : `${verbWord(stage)} ${stageGuest(stage)}`;
}

function verbWord(stage: Stage): string {
  return stage.action === 'build' || stage.action === 'upload' ? stage.action : verbs[stage.action].now;
}

function doneWord(stage: Stage): string {
  return stage.action === 'build' || stage.action === 'upload' ? 'done' : verbs[stage.action].done;
}
