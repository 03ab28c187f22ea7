import type { ApplyGroup } from '../core/apply-groups.ts';
import type { Step } from '../core/steps.ts';
import type { Line } from './card.ts';
import { count, duration, guestName, verbs } from './parts.ts';

/** One line for each group of an apply: its state, what it does, how far it is. */
export function groupLines(groups: readonly ApplyGroup[], now: number): readonly Line[] {
  const width = nameWidth(guestGroups(groups));
  return groups.map((group) => {
    const state = group.state === 'not-started' ? 'waiting' : group.state;
    const what = group.name === undefined ? detailOf(group).padEnd(width + 6) : nameOf(group, width);
    const right = group.name !== undefined && group.state === 'running' ? detailOf(group) : elapsed(group, now);
    return { text: `${state.padEnd(8)} ${verbWord(group).padEnd(8)} ${what}  ${right}`.trimEnd() };
  });
}

function elapsed(group: ApplyGroup, now: number): string {
  if (group.startedAt === undefined) return '';
  if (group.state === 'done' && group.endedAt !== undefined) return duration(group.endedAt - group.startedAt);
  return group.state === 'running' ? duration(now - group.startedAt) : '';
}

/** What the group does right now, with how far that is. */
function detailOf(group: ApplyGroup): string {
  const current = group.steps.find((state) => state.state === 'running') ?? group.steps.at(-1);
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

/** Columns of the longest name, for lines that align. */
export function nameWidth(groups: readonly ApplyGroup[]): number {
  return Math.min(24, Math.max(...groups.map((group) => group.name?.length ?? 0), 0));
}

/** The name and VMID of a group's guest, padded to the width. */
export function nameOf(group: ApplyGroup, width: number): string {
  return `${(group.name ?? '').padEnd(width)} (${group.vmid})`;
}

/** `test-website (823)`, or what is built or uploaded. */
export function groupGuest(group: ApplyGroup): string {
  return group.vmid === undefined || group.name === undefined
    ? group.action
    : guestName({ name: group.name, vmid: group.vmid });
}

/** What a group does to which guest: `replace test-worker (822)`. */
export function groupName(group: ApplyGroup): string {
  return group.vmid === undefined ? group.action : `${verbWord(group)} ${groupGuest(group)}`;
}

/** The verb of a group as it stands in a line: `replace`. */
export function verbWord(group: ApplyGroup): string {
  return group.action === 'build' || group.action === 'upload' ? group.action : verbs[group.action].now;
}

/** Each kind of guest step as people say it. */
export const stepWords: Readonly<Record<Exclude<Step['kind'], 'build' | 'upload'>, string>> = {
  create: 'creating',
  import: 'disk import',
  resize: 'disk resize',
  start: 'starting',
  configure: 'settings',
  'move-disk': 'disk move',
  restart: 'restarting',
  prepare: 'disk import',
  attach: 'disk hand-over',
  swap: 'disk swap',
  rollback: 'disk swap back',
  health: 'health',
  finish: 'final tags',
  adopt: 'taking over',
  stop: 'stopping',
  destroy: 'destroying',
  discard: 'clearing up',
  free: 'freeing disks',
};

/** What became of the step that was under way when the bot died. */
export type CutOff =
  | { readonly kind: 'build' | 'no-task' | 'forgotten' | 'unreachable' }
  /** Its task went on and ended with Proxmox's own words. */
  | { readonly kind: 'ended'; readonly text: string };

/** The same in a sentence. That the last known task went well does not mean that the step did: it may be several. */
export function cutOffNote(step: Step, cutOff: CutOff): string {
  const what = 'vmid' in step ? `${step.name} (${step.vmid}), ${stepWords[step.kind]}` : step.kind;
  switch (cutOff.kind) {
    case 'build':
      return 'The build was under way; a build changes nothing in the cluster.';
    case 'no-task':
      return `${what}: it had started; no task of it is known.`;
    case 'forgotten':
      return `${what}: the cluster no longer knows its task.`;
    case 'unreachable':
      return `${what}: the outcome of its task could not be read.`;
    case 'ended':
      return `${what}: its task finished after the bot stopped, with "${cutOff.text}".`;
  }
}
