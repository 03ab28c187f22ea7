import { pullNumberOf } from '../src/core/pull.ts';
import type { Run } from '../src/core/run.ts';
import type { Fleet } from '../src/pipeline/ports.ts';
import { defineCommand, note } from './command.ts';

/** Plans a fleet anew, at the head of its branch or at another commit. Changes nothing. */
export const plan = defineCommand({
  name: 'plan',
  description: 'Compare the flake with the cluster and show what would change',
  wish: 'view',
  options: [
    { name: 'fleet', description: 'The fleet (may be left out when there is one)', required: false, complete: 'fleet' },
    {
      name: 'ref',
      description: 'A branch, tag or commit, or a request as pull/7 (default: the head of the branch)',
      required: false,
      complete: 'ref',
    },
  ],
  async run({ args, actor, pipeline, fleets }) {
    const target = pick(fleets, args.fleet, args.ref);
    if (typeof target === 'string') return note(target);
    const number = target.ref === undefined ? undefined : pullNumberOf(target.ref);
    if (number !== undefined) {
      const run = await pipeline.preview(target.fleet, number, actor);
      return 'refused' in run ? run.refused : note(`Previewing #${number} as run ${run.id}.`);
    }
    const by = { chat: actor.chat, id: actor.id, name: actor.name };
    const run = await pipeline.plan(target.fleet, { kind: 'command', by }, target.ref);
    return note(planning(run));
  },
});

/** What a person is told who asked for a plan. */
export function planning({ id, phase }: Run): string {
  if (phase === 'planning') return `Planning as run ${id}.`;
  return `Run ${id} has the plan already. It was compared with the cluster again; its card shows it.`;
}

/** With one fleet its name may be left out, so a single word is a ref. */
function pick(
  fleets: readonly Fleet[],
  first: string | undefined,
  second: string | undefined,
): { readonly fleet: Fleet; readonly ref?: string } | string {
  const named = fleets.find((fleet) => fleet.name === first);
  if (named !== undefined) return { fleet: named, ...(second === undefined ? {} : { ref: second }) };
  const [only, ...others] = fleets;
  if (only === undefined) return 'No fleet is configured.';
  if (others.length === 0 && second === undefined)
    return { fleet: only, ...(first === undefined ? {} : { ref: first }) };
  return `Name one of the fleets: ${fleets.map((fleet) => fleet.name).join(', ')}.`;
}
