import { defineCommand } from './command.ts';

/** Stops applies until `unlock`; plans go on. */
export const lock = defineCommand({
  name: 'lock',
  description: 'Stop applies until /proxnix unlock; plans go on',
  options: [{ name: 'reason', description: 'Why; it stands on every card', required: true, rest: true }],
  run: ({ args, actor, pipeline }) => pipeline.lock(actor, args.reason),
});
