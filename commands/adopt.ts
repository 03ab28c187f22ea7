import { defineCommand, note } from './command.ts';

/** Plans to take over a VM that the flake wants and that does not carry the tag `proxnix` yet. */
export const adopt = defineCommand({
  name: 'adopt',
  description: 'Take over a VM that the flake wants and proxnix did not make',
  options: [
    { name: 'vm', description: 'Its name or VMID in the flake', required: true, complete: 'guest' },
    { name: 'fleet', description: 'The fleet (may be left out when there is one)', required: false, complete: 'fleet' },
  ],
  async run({ args, actor, pipeline }) {
    const all = pipeline.fleets();
    const fleets = all.filter((fleet) => args.fleet === undefined || fleet.name === args.fleet);
    const [fleet, ...others] = fleets;
    if (fleet === undefined || others.length > 0) {
      return note(`Name one of the fleets: ${all.map(({ name }) => name).join(', ')}.`);
    }
    const run = await pipeline.adopt(fleet, args.vm, { chat: actor.chat, id: actor.id, name: actor.name });
    return note(`Planning as run ${run.id}.`);
  },
});
