import { defineCommand, note } from './command.ts';
import { oneFleet } from './one-fleet.ts';

/** Plans to take over a VM that the flake wants and that does not carry the tag `proxnix` yet. */
export const adopt = defineCommand({
  name: 'adopt',
  description: 'Take over a guest that the flake declares and proxnix did not create',
  wish: 'act',
  options: [
    { name: 'vm', description: 'Its name or VMID in the flake', required: true, complete: 'adoptable' },
    { name: 'fleet', description: 'The fleet (may be left out when there is one)', required: false, complete: 'fleet' },
  ],
  async run({ args, actor, pipeline, fleets }) {
    const fleet = oneFleet(fleets, args.fleet);
    if ('ask' in fleet) return note(fleet.ask);
    const run = await pipeline.adopt(fleet.fleet, args.vm, { chat: actor.chat, id: actor.id, name: actor.name });
    return note(`Planning as run ${run.id}.`);
  },
});
