import type { StepState } from './run.ts';

/** The tags that the steps of one guest wrote in the end, in reading order; `undefined` when they did not come to it. */
export function finalTagsOf(steps: readonly StepState[]): readonly string[] | undefined {
  const last = steps.flatMap(({ step, state }) =>
    (step.kind === 'finish' || step.kind === 'adopt') && state === 'done' ? [step] : [],
  );
  const [finish] = last;
  if (finish === undefined) return undefined;
  const rank = (tag: string) =>
    tag === 'proxnix' ? 0 : tag.startsWith('nix-') ? 1 : tag.startsWith('commit-') ? 2 : 3;
  return finish.tags.split(';').sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
