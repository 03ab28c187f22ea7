import { defineCommand } from './command.ts';
import { runId, runOption } from './run-option.ts';

/** Approves the plan of a run, as its button does. */
export const approve = defineCommand({
  name: 'approve',
  description: 'Approve the plan of a run',
  options: [runOption],
  run: ({ args, actor, pipeline }) => pipeline.approve(runId(args.run), undefined, actor),
});
