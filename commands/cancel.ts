import { defineCommand } from './command.ts';
import { runId, workingRun } from './run-option.ts';

/** Stops a run between two guests; a disk write is never cut off. */
export const cancel = defineCommand({
  name: 'cancel',
  description: 'Stop a run after the guest it works on',
  wish: 'run',
  options: [workingRun],
  run: ({ args, actor, pipeline }) => pipeline.cancel(runId(args.run), actor),
});
