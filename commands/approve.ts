import { defineCommand } from './command.ts';
import { openRun, planId, planOption, runId } from './run-option.ts';

/** Approves a plan of a run, like the button on its card: the named plan, or the one that the person was shown last. */
export const approve = defineCommand({
  name: 'approve',
  description: 'Approve the plan of a run',
  wish: 'run',
  options: [openRun, planOption],
  run: ({ args, actor, pipeline }) => pipeline.approve(runId(args.run), planId(args.plan), actor),
});
