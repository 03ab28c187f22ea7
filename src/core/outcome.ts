import type { StepState } from './run.ts';

/** The tags that the steps of one guest wrote in the end, in reading order; `undefined` when they did not come to it. */
export function finalTagsOf(steps: readonly StepState[]): readonly string[] | undefined {
  const finish = steps.find((state) => state.step.kind === 'finish' && state.state === 'done');
  if (finish === undefined || finish.step.kind !== 'finish') return undefined;
  const rank = (tag: string) =>
    tag === 'proxnix' ? 0 : tag.startsWith('nix-') ? 1 : tag.startsWith('commit-') ? 2 : 3;
  return finish.step.tags.split(';').sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
