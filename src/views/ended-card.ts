import type { RolledBack } from '../core/errors.ts';
import { type Plan, runnable } from '../core/plan.ts';
import { retainsDisk } from '../core/retained-disks.ts';
import {
  type AppliedRun,
  type ApplyGroup,
  type Approval,
  applyGroups,
  backupsIn,
  type CancelledRun,
  type FailedRun,
  finalTagsOf,
  type GuestNow,
  type InterruptedRun,
  type StepState,
} from '../core/run.ts';
import type { Block, Button, Card, CardFile, GuestRow, Line, Rich } from './card.ts';
import {
  adviceText,
  approvedBy,
  type CardContext,
  commitBlocks,
  count,
  detailBlocks,
  duration,
  groupGuest,
  groupName,
  guestGroups,
  guestName,
  ids,
  planCounts,
  verbs,
} from './parts.ts';
import { planAgain, planFile } from './plan-card.ts';

type Ended =
  | AppliedRun
  | CancelledRun
  | InterruptedRun
  | (FailedRun & { readonly plan: Plan; readonly appliedFrom: number; readonly approvals: readonly Approval[] });

/** An apply that has ended: which guests are done, which are not, and their tags. */
export function endedCard(run: Ended, context: CardContext): Card {
  const groups = applyGroups(run.plan, run.steps);
  // The time that the bot was down would count as well.
  const took = run.phase === 'interrupted' ? '' : ` · took ${duration(run.endedAt - run.appliedFrom)}`;
  return {
    tone: run.phase === 'applied' ? 'good' : 'bad',
    title: endTitle(run, groups),
    blocks: [
      ...commitBlocks(run, context),
      { kind: 'divider' },
      ...endedBlocks(run, groups),
      ...backupsIn(run).map(
        ({ volid, ...guest }): Block => ({ kind: 'small', rich: [`Backup of ${guestName(guest)}: `, { code: volid }] }),
      ),
      ...keptBlocks(run, context),
      ...nowBlocks(run),
      { kind: 'small', rich: [...approvedBy(run.approvals), took, ...ids(run, run.plan)] },
    ],
    buttons: endedButtons(run, context),
    files: [planFile(run.plan, run), ...logFile(run.steps)],
  };
}

function endedButtons(run: Ended, { rollback }: CardContext): readonly Button[] {
  if (rollback !== undefined) return [{ action: 'rollback', label: 'Roll back', style: 'plain', runId: run.id }];
  // After an adoption the next plan shows what happens to the guest, so the card offers to make it.
  return run.phase === 'applied' && run.plan.goal.adopt === undefined ? [] : [planAgain(run)];
}

/** The title of a run that has ended after its apply began. */
export function endTitle(run: Ended, groups: readonly ApplyGroup[]): string {
  const broken = groups.findIndex((group) => group.state === 'failed');
  const group = groups[broken];
  const where = group === undefined ? '' : `: step ${broken + 1} of ${groups.length}, ${groupName(group)}`;
  switch (run.phase) {
    case 'applied':
      return `Applied: ${planCounts(run.plan, 'done')}`;
    case 'failed':
      return `Failed${run.failure.rolledBack === undefined ? '' : ', rolled back'}${where}`;
    case 'cancelled':
      return `Cancelled: ${count(guestGroups(groups).filter((one) => one.state === 'done').length, 'guest')} of ${guestGroups(groups).length} done`;
    case 'interrupted':
      return `Interrupted${where}`;
  }
}

function endedBlocks(run: Ended, groups: readonly ApplyGroup[]): readonly Block[] {
  const guests = guestGroups(groups);
  const done = guests.filter((group) => group.state === 'done');
  if (run.phase === 'applied') {
    const rows = done.map((group) => doneRow(group, run.addresses));
    return [{ kind: 'guests', of: 'done', rows }, ...onlyRunningBlocks(done), ...tagBlocks(run.plan, done)];
  }
  const notStarted = guests.filter((group) => group.state === 'not-started');
  const failed = groups.find((group) => group.state === 'failed');
  const failedStep = failed?.steps.find((state) => state.state === 'failed');
  return [
    ...whyBlocks(run),
    ...(guests.some((group) => group.state === 'done' || group.state === 'failed')
      ? []
      : [{ kind: 'text', rich: ['No guest was touched.'] } as const]),
    ...sentence('Done before: ', done, (group) => `${groupGuest(group)} ${doneWord(group)}`),
    ...sentence('Not started: ', notStarted, groupName),
    ...detailBlocks(
      run.phase === 'failed' && run.failure.details.length > 0 ? run.failure.details : (failedStep?.output ?? []),
    ),
    ...(done.length === 0 ? [] : tagBlocks(run.plan, done)),
  ];
}

function doneRow(group: ApplyGroup, addresses: AppliedRun['addresses']): GuestRow {
  const { name = '', vmid = 0 } = group;
  return { guest: { name, vmid }, action: doneWord(group), state: 'done', note: addresses[String(vmid)] ?? '' };
}

function whyBlocks(run: Exclude<Ended, AppliedRun>): readonly Block[] {
  switch (run.phase) {
    case 'failed': {
      const { message, next, rolledBack } = run.failure;
      return [
        { kind: 'warning', rich: [{ bold: message }] },
        ...(rolledBack === undefined ? [] : [{ kind: 'text', rich: rolledBackText(rolledBack) } as const]),
        ...(next === undefined ? [] : [{ kind: 'text', rich: adviceText(next) } as const]),
      ];
    }
    case 'cancelled':
      return [
        {
          kind: 'text',
          rich: [
            { bold: 'Stopped by ' },
            { person: run.cancelledBy },
            hasWorked(run) ? '. Every guest that was started has been finished.' : '.',
          ],
        },
      ];
    case 'interrupted':
      return [
        {
          kind: 'warning',
          rich: [
            { bold: 'The bot stopped during this apply. ' },
            'The following comes from its journal and from the cluster.',
          ],
        },
        ...run.notes.map((note): Block => ({ kind: 'text', rich: [note] })),
      ];
  }
}

/** Was a step of a guest done? */
function hasWorked({ steps }: Ended): boolean {
  return steps.some(({ step, state }) => 'vmid' in step && state === 'done');
}

/** The guests of which a check saw no more than that they run. */
function onlyRunningBlocks(done: readonly ApplyGroup[]): readonly Block[] {
  const blind = done.filter(({ steps }) => steps.some(({ onlyRunning }) => onlyRunning));
  if (blind.length === 0) return [];
  const who = blind.map(groupGuest).join(', ');
  return [
    {
      kind: 'small',
      rich: [
        `Only seen running: ${who}. Nothing more is known; `,
        { code: 'health' },
        ' in the flake says what to check',
      ],
    },
  ];
}

/** How long the retained root disks can be rolled back to. */
function keptBlocks(run: Ended, { rollbackWindowMs, changedSince = [], rollback }: CardContext): readonly Block[] {
  if (run.phase !== 'applied') return [];
  // A disk that a later rollback put back is in use again.
  const swapped = runnable(run.plan)
    .filter(retainsDisk)
    .filter(({ vmid }) => !changedSince.includes(vmid));
  const [first] = swapped;
  if (first === undefined) return [];
  const disks = swapped.length === 1 ? 'The old root disk is' : 'The old root disks are';
  // The window of each disk begins with its swap. The earliest end is shown, so no disk is deleted before it.
  const since = run.steps.flatMap(({ step, startedAt }) => (step.kind === 'swap' ? (startedAt ?? []) : []));
  const until = { time: Math.min(run.endedAt, ...since) + rollbackWindowMs, show: 'date-time' } as const;
  return [
    {
      kind: 'small',
      rich: [
        ...[`${disks} kept until `, until, rollback === undefined ? '; undo with ' : '; undo with Roll back, or '],
        { code: `/proxnix rollback ${first.name}` },
      ],
    },
  ];
}

/** The state of the guest that was worked on last. After an automatic rollback the reason of the failure tells it. */
function nowBlocks(run: Ended): readonly Block[] {
  if (run.phase === 'applied' || run.guestNow === undefined) return [];
  if (run.phase === 'failed' && run.failure.rolledBack !== undefined) return [];
  return [{ kind: 'text', rich: [{ bold: 'Now: ' }, nowText(run.guestNow)] }];
}

function nowText({ status, imageHash, unfinished, ...guest }: GuestNow): string {
  const who = guestName(guest);
  if (status === 'gone') return `${who} does not exist.`;
  if (status === 'unknown') return `the state of ${who} is unknown, the cluster does not tell it.`;
  const image = imageHash === undefined ? 'an unknown image' : `image ${imageHash.slice(0, 8)}`;
  const does = status === 'running' ? `runs ${image}` : `is stopped, with ${image}`;
  return `${who} ${does}${unfinished ? ', unfinished' : ''}.`;
}

function rolledBackText({ name, vmid, imageHash, settings }: RolledBack): Rich {
  if (settings)
    return [{ bold: 'Rolled back: ' }, `${guestName({ name, vmid })} runs with its old settings again and is healthy.`];
  const image: Rich = imageHash === undefined ? ['its old root disk'] : ['image ', { code: imageHash.slice(0, 8) }];
  return [{ bold: 'Rolled back: ' }, `${guestName({ name, vmid })} runs `, ...image, ' again and is healthy.'];
}

function sentence(label: string, groups: readonly ApplyGroup[], say: (group: ApplyGroup) => string): readonly Block[] {
  if (groups.length === 0) return [];
  return [{ kind: 'text', rich: [{ bold: label }, groups.map(say).join(', '), '.'] }];
}

/** The final tags of each guest, the shared ones first. */
function tagBlocks(plan: Plan, done: readonly ApplyGroup[]): readonly Block[] {
  const tagged = done.flatMap((group) => {
    const tags = group.vmid === undefined ? undefined : finalTagsOf(group.steps);
    return tags === undefined ? [] : [{ vmid: group.vmid, tags }];
  });
  if (tagged.length === 0) return [];
  const shared =
    tagged.length < 2 ? [] : (tagged[0]?.tags ?? []).filter((tag) => tagged.every(({ tags }) => tags.includes(tag)));
  const block = (label: string, tags: readonly string[]): Line[] =>
    tags.map((tag, index) => ({ text: `${(index === 0 ? label : '').padEnd(9)} ${tag}` }));
  const lines = [
    ...block('all', shared),
    ...tagged.flatMap(({ vmid, tags }) =>
      block(
        String(vmid),
        tags.filter((tag) => !shared.includes(tag)),
      ),
    ),
  ];
  return [
    { kind: 'small', rich: [`Final tags in ${plan.goal.fleet}`] },
    { kind: 'lines', lines },
  ];
}

/** The output of all steps as a file; no file where there is no output. */
export function logFile(steps: readonly StepState[]): readonly CardFile[] {
  const lines = steps.flatMap((state) =>
    state.output.length === 0 ? [] : [`== ${state.step.id}`, ...state.output, ''],
  );
  return lines.length === 0 ? [] : [{ name: 'run.log', title: 'Log', text: lines.join('\n') }];
}

function doneWord(group: ApplyGroup): string {
  return group.action === 'build' || group.action === 'upload' ? 'done' : verbs[group.action].done;
}
