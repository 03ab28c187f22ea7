import { defineCommand } from './command.ts';

/** Lets applies begin again. */
export const unlock = defineCommand({
  name: 'unlock',
  description: 'Let applies begin again',
  options: [],
  run: ({ actor, pipeline }) => pipeline.unlock(actor),
});
