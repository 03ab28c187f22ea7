import { defineCommand } from './command.ts';

/** Unlocks applying. */
export const unlock = defineCommand({
  name: 'unlock',
  description: 'Allow applying again',
  wish: 'act',
  options: [],
  run: ({ actor, pipeline, fleets }) => pipeline.unlock(fleets, actor),
});
