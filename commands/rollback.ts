import type { Run } from '../src/core/run.ts';
import { defineCommand, note } from './command.ts';
import { oneFleet } from './one-fleet.ts';

/** Plans to go back: one guest to the root disk it had before, or the fleet to an earlier commit. */
export const rollback = defineCommand({
  name: 'rollback',
  description: 'Plan to go back: a guest to its earlier root disk, or all to an earlier commit',
  wish: 'act',
  options: [
    {
      name: 'to',
      description: 'A guest, or a commit (default: the one applied before)',
      required: false,
      complete: 'rollback',
    },
    { name: 'fleet', description: 'The fleet (may be left out when there is one)', required: false, complete: 'fleet' },
  ],
  async run({ args, actor, pipeline, fleets }) {
    const fleet = oneFleet(fleets, args.fleet);
    if ('ask' in fleet) return note(fleet.ask);
    const run = await pipeline.rollback(fleet.fleet, args.to, { chat: actor.chat, id: actor.id, name: actor.name });
    return note(goingBack(run));
  },
});

/** What a person is told who asked to go back. */
export function goingBack({ id, phase }: Run): string {
  return phase === 'planning' ? `Planning as run ${id}.` : `Run ${id} has this plan already; its card shows it.`;
}
