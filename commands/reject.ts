import { defineCommand } from './command.ts';
import { runId, runOption } from './run-option.ts';

/** Closes the plan of a run without changing anything. */
export const reject = defineCommand({
  name: 'reject',
  description: 'Reject the plan of a run',
  options: [runOption, { name: 'reason', description: 'Why; it stands on the card', required: false, rest: true }],
  run: ({ args, actor, pipeline }) => pipeline.reject(runId(args.run), undefined, actor, args.reason),
});
