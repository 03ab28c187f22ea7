import type { DestroyChange } from '../core/change.ts';
import { shortSha } from '../core/commit.ts';
import { hasConfig } from '../core/goal.ts';
import { runnable } from '../core/plan.ts';
import type { PlannedRun } from '../core/run.ts';
import { describeVolume, volumesOf } from '../core/volumes.ts';
import type { Rich } from './card.ts';
import { consequences } from './consequences.ts';
import { count, guestName } from './parts.ts';

/** One field of a form. */
export interface FormField {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly required: boolean;
  readonly multiline?: boolean;
}

/** A question with a few fields, shown as a modal where the chat has modals. */
export interface Form {
  /** Ids only, like a button's: `px1:confirm:r-41:p-7f3c2a`. */
  readonly id: string;
  readonly title: string;
  readonly text: Rich;
  readonly fields: readonly FormField[];
  readonly submit: string;
  readonly danger: boolean;
}

/** Confirms a plan that destroys guests. `wanted` is the text that the person must type. */
export function confirmForm(run: PlannedRun, wanted: string): Form {
  const { plan } = run;
  const destroys = runnable(plan).filter((change) => change.action === 'destroy');
  const others = runnable(plan).filter((change) => change.action !== 'destroy');
  const one = destroys.length === 1;
  const names = destroys.map((change) => change.name).join(' ');
  return {
    id: `px1:confirm:${run.id}:${plan.id}`,
    title: `Destroy ${count(destroys.length, 'guest')}?`,
    text: [
      `Plan ${plan.id}, commit ${shortSha(run.commit.sha)}. `,
      {
        bold: `${destroys.map(guestName).join(', ')} ${one ? 'is' : 'are'} destroyed and ${one ? 'its' : 'their'} disks are deleted.`,
      },
      ' This cannot be undone.',
      ...destroys.flatMap((change) => volumesText(change, one)),
      ...(others.length === 0 ? [] : [` ${consequences(others)}`]),
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

/** How many disks of a guest a form names; the card has all. */
const mostVolumes = 20;

/** ` scsi0 20 GiB on fast, scsi1 4 GiB on fast.`, with the name of the guest where there are several. */
function volumesText(change: DestroyChange, one: boolean): Rich {
  if (!hasConfig(change.live)) return [];
  const all = volumesOf(change.live).map(describeVolume);
  if (all.length === 0) return [];
  const rest = all.length > mostVolumes ? ` and ${all.length - mostVolumes} more, which the card names` : '';
  return [` ${one ? 'Its disks' : guestName(change)}: ${all.slice(0, mostVolumes).join(', ')}${rest}.`];
}

/** Asks for the reason of a rejection, which may be empty. */
export function rejectForm(run: PlannedRun): Form {
  const drift = run.trigger.kind === 'drift';
  const silent = drift ? 'The same drift is not shown again for 24 h. ' : '';
  return {
    id: `px1:reject:${run.id}:${run.plan.id}`,
    title: drift ? `Ignore the drift of run ${run.id}?` : `Reject run ${run.id}?`,
    text: [`Plan ${run.plan.id} is closed and nothing is changed. ${silent}The card shows the reason.`],
    fields: [{ name: 'reason', label: 'Reason', required: false, multiline: true }],
    submit: drift ? 'Ignore' : 'Reject',
    danger: false,
  };
}
