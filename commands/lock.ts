import { defineCommand } from './command.ts';

/** Stops applies until `unlock`; plans go on. */
export const lock = defineCommand({
  name: 'lock',
  description: 'Lock applying until /proxnix unlock; plans go on',
  wish: 'act',
  options: [{ name: 'reason', description: 'Why; it stands on every card', required: true, rest: true }],
  run: ({ args, actor, pipeline, fleets }) => pipeline.lock(fleets, actor, args.reason),
});
