import { defineCommand } from './command.ts';
import { openRun, planId, planOption, runId } from './run-option.ts';

/** Closes a plan of a run without changing anything: the one that is named, or the one that the person was shown last. */
export const reject = defineCommand({
  name: 'reject',
  description: 'Reject the plan of a run',
  wish: 'run',
  options: [
    openRun,
    planOption,
    { name: 'reason', description: 'Why; it stands on the card', required: false, rest: true },
  ],
  run({ args, actor, pipeline }) {
    const { plan, reason } = planAndReason(args.plan, args.reason);
    return pipeline.reject(runId(args.run), planId(plan), actor, reason);
  },
});

/** Where a line is typed, the first word of a reason stands where a plan may. What begins like a plan id is meant as one. */
function planAndReason(plan: string | undefined, reason: string | undefined) {
  if (plan === undefined || /^p-[0-9a-f]*$/i.test(plan)) return { plan, reason };
  return { plan: undefined, reason: [plan, reason].filter((part) => part !== undefined).join(' ') };
}
