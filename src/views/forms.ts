import { shortSha } from '../core/commit.ts';
import { runnable } from '../core/plan.ts';
import type { PlannedRun } from '../core/run.ts';
import type { Form } from './form.ts';
import { count, counts, guestName } from './words.ts';

/** The destructive confirmation: what is destroyed, and what must be typed. */
export function confirmForm(run: PlannedRun, wanted: string): Form {
  const { plan } = run;
  const destroys = runnable(plan).filter((change) => change.action === 'destroy');
  const one = destroys.length === 1;
  const names = destroys.map((change) => change.name).join(' ');
  return {
    id: `px1:confirm:${run.id}:${plan.id}`,
    title: `Destroy ${count(destroys.length, 'guest')}?`,
    text: [
      `Plan ${plan.id}, commit ${shortSha(run.commit.sha)}: ${counts(runnable(plan))}. `,
      {
        bold: `${destroys.map(guestName).join(', ')} ${one ? 'is' : 'are'} destroyed and ${one ? 'its' : 'their'} disks are deleted.`,
      },
      ' There is no way back.',
    ],
    fields: [
      {
        name: 'names',
        label:
          wanted === names
            ? one
              ? 'Type the name of the guest to destroy'
              : 'Type the names of the guests to destroy'
            : 'Type these words to confirm',
        hint: wanted,
        required: true,
      },
    ],
    submit: 'Approve',
    danger: true,
  };
}

/** Why a plan is rejected; may be left empty. */
export function rejectForm(run: PlannedRun): Form {
  const drift = run.trigger.kind === 'drift';
  const silent = drift ? 'The same drift is not shown again for 24 h. ' : '';
  return {
    id: `px1:reject:${run.id}:${run.plan.id}`,
    title: drift ? `Ignore the drift of run ${run.id}?` : `Reject run ${run.id}?`,
    text: [`Plan ${run.plan.id} is closed and nothing is changed. ${silent}The reason stands on its card.`],
    fields: [{ name: 'reason', label: 'Reason', required: false, multiline: true }],
    submit: drift ? 'Ignore' : 'Reject',
    danger: false,
  };
}
