import type { Stage } from '../core/stages.ts';
import type { Line } from './card.ts';
import { stepWords } from './step-words.ts';
import { count, duration, guestName, verbs } from './words.ts';

export function stageLines(stages: readonly Stage[], now: number): readonly Line[] {
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

export function guestStages(stages: readonly Stage[]): readonly Stage[] {
  return stages.filter((stage) => stage.vmid !== undefined);
}

export function nameWidth(stages: readonly Stage[]): number {
  return Math.min(24, Math.max(...stages.map((stage) => stage.name?.length ?? 0), 0));
}

export function nameOf(stage: Stage, width: number): string {
  return `${(stage.name ?? '').padEnd(width)} (${stage.vmid})`;
}

export function stageGuest(stage: Stage): string {
  return stage.vmid === undefined || stage.name === undefined
    ? stage.action
    : guestName({ name: stage.name, vmid: stage.vmid });
}

export function stageName(stage: Stage): string {
  return stage.vmid === undefined ? stage.action : `${verbWord(stage)} ${stageGuest(stage)}`;
}

export function verbWord(stage: Stage): string {
  return stage.action === 'build' || stage.action === 'upload' ? stage.action : verbs[stage.action].now;
}
