import type { ApplyGroup } from '../core/apply-groups.ts';
import type { Line } from './card.ts';
import { count, duration, guestName, verbs } from './format.ts';
import { stepWords } from './step-text.ts';

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

export function guestGroups(groups: readonly ApplyGroup[]): readonly ApplyGroup[] {
  return groups.filter((group) => group.vmid !== undefined);
}

export function nameWidth(groups: readonly ApplyGroup[]): number {
  return Math.min(24, Math.max(...groups.map((group) => group.name?.length ?? 0), 0));
}

export function nameOf(group: ApplyGroup, width: number): string {
  return `${(group.name ?? '').padEnd(width)} (${group.vmid})`;
}

export function groupGuest(group: ApplyGroup): string {
  return group.vmid === undefined || group.name === undefined
    ? group.action
    : guestName({ name: group.name, vmid: group.vmid });
}

export function groupName(group: ApplyGroup): string {
  return group.vmid === undefined ? group.action : `${verbWord(group)} ${groupGuest(group)}`;
}

export function verbWord(group: ApplyGroup): string {
  return group.action === 'build' || group.action === 'upload' ? group.action : verbs[group.action].now;
}
