import { shortSha } from '../core/commit.ts';
import type { GuestStatus } from '../core/live.ts';
import type { Lock } from '../core/policy.ts';
import { type ApplyGroup, type Approval, applyGroups, backupsIn, planOf, type Run } from '../core/run.ts';
import type { Block, Card } from './card.ts';
import { count, duration, planCounts } from './parts.ts';

/** The live state of a guest of a fleet. */
export interface GuestStatusRow {
  readonly name: string;
  readonly vmid: number;
  readonly node: string;
  readonly status: GuestStatus;
  /** The state of QEMU of a VM that is running and stands still. */
  readonly paused?: string;
  readonly pending: boolean;
  readonly imageHash: string | undefined;
  readonly commit: string | undefined;
  readonly cores: number | undefined;
  readonly memoryMb: number | undefined;
  /** `undefined` where the configuration cannot be read. */
  readonly protected: boolean | undefined;
  /**
   * The retained root disk that a rollback puts back; `until` in milliseconds since the epoch, `imageHash` absent where no
   * tag named the image.
   */
  readonly retained?: { readonly imageHash?: string; readonly until: number };
}

/** The live state of a fleet. */
export interface FleetStatus {
  readonly fleet: string;
  readonly guests: readonly GuestStatusRow[];
  readonly open: readonly Run[];
  /** Run ids in the queue, the running one first; `of another fleet` in place of the id of another fleet's run. */
  readonly queue: readonly string[];
  readonly lastRun: Run | undefined;
  readonly lock: Lock | undefined;
}

/**
 * The state of fleets: their guests, open plans and queue.
 * @param risks what the configuration opens to people who may not approve, one sentence each
 */
export function statusCard(fleets: readonly FleetStatus[], now: number, risks: readonly string[] = []): Card {
  const guests = fleets.flatMap((fleet) => fleet.guests);
  const running = guests.filter(isAtWork).length;
  const unfinished = guests.filter((guest) => guest.pending).length;
  return {
    tone: running === guests.length && unfinished === 0 ? 'good' : 'waiting',
    title: `Status: ${running} of ${count(guests.length, 'guest')} running${unfinished === 0 ? '' : `, ${unfinished} unfinished`}`,
    blocks: [
      ...risks.map((text): Block => ({ kind: 'warning', rich: [text] })),
      ...fleets.flatMap((fleet) => fleetBlocks(fleet, now)),
    ],
    buttons: [],
    files: [],
  };
}

/** Every known fact about one guest. */
export function guestStatusCard(guest: GuestStatusRow): Card {
  const rows = [
    ['status', guest.paused === undefined ? guest.status : `${guest.status}, but it stands still (${guest.paused})`],
    ['node', guest.node],
    ['image', guest.imageHash ?? 'unknown'],
    ['commit', guest.commit ?? 'unknown'],
    ['cores', guest.cores === undefined ? 'unknown' : guest.cores === 0 ? 'all of its node' : String(guest.cores)],
    ['memory', guest.memoryMb === undefined ? 'unknown' : `${guest.memoryMb} MiB`],
    ['protected', guest.protected === undefined ? 'unknown' : guest.protected ? 'yes' : 'no'],
    ...(guest.pending ? [['state', 'unfinished (proxnix-pending): plan again to finish it']] : []),
  ];
  return {
    tone: isAtWork(guest) && !guest.pending ? 'good' : 'waiting',
    title: `Status: ${guest.name} (${guest.vmid}) is ${stateOf(guest)}`,
    blocks: [
      { kind: 'lines', lines: rows.map(([key = '', value = '']) => ({ text: `${key.padEnd(10)} ${value}` })) },
      ...retainedBlocks(guest),
    ],
    buttons: [],
    files: [],
  };
}

function isAtWork({ status, paused }: GuestStatusRow): boolean {
  return status === 'running' && paused === undefined;
}

function stateOf({ status, paused }: GuestStatusRow): string {
  if (paused !== undefined) return 'paused';
  return status === 'unknown' ? 'in an unknown state' : status;
}

function retainedBlocks({ name, retained }: GuestStatusRow): readonly Block[] {
  if (retained === undefined) return [];
  const until = { time: retained.until, show: 'date-time' } as const;
  return [
    {
      kind: 'small',
      rich: [
        ...(retained.imageHash === undefined
          ? ['An earlier root disk of an unknown image']
          : ['Image ', { code: retained.imageHash.slice(0, 8) }]),
        ' is kept until ',
        until,
        ': ',
        { code: `/proxnix rollback ${name}` },
      ],
    },
  ];
}

function fleetBlocks(fleet: FleetStatus, now: number): readonly Block[] {
  const width = Math.min(24, Math.max(...fleet.guests.map((guest) => guest.name.length), 0));
  const lines = fleet.guests.map((guest) => ({ text: guestLine(guest, width) }));
  const [atWork, ...waiting] = fleet.queue;
  const queue =
    atWork === undefined
      ? 'idle'
      : [`run ${atWork} is running`, ...waiting.map((id) => `run ${id} is waiting`)].join(', ');
  return [
    { kind: 'text', rich: [{ bold: fleet.fleet }, ` · ${queue}`] },
    ...(fleet.lock === undefined
      ? []
      : [
          {
            kind: 'warning',
            rich: [{ bold: 'Applying is locked' }, ' by ', { person: fleet.lock.by }, `: ${fleet.lock.reason}`],
          } as const,
        ]),
    lines.length === 0 ? { kind: 'text', rich: ['No guest carries the tag proxnix.'] } : { kind: 'lines', lines },
    ...[...fleet.open, ...(fleet.lastRun === undefined ? [] : [fleet.lastRun])].map(
      (run): Block => ({
        kind: 'small',
        rich: [
          runLine(run),
          ' · ',
          { time: run.startedAt, show: now - run.startedAt < 86_400_000 ? 'relative' : 'date-time' },
        ],
      }),
    ),
  ];
}

function guestLine(guest: GuestStatusRow, width: number): string {
  const commit = guest.commit === undefined ? 'no commit' : shortSha(guest.commit);
  const state = guest.pending ? 'unfinished' : guest.paused === undefined ? guest.status : 'paused';
  return `${guest.name.padEnd(width)} (${guest.vmid})  ${state.padEnd(10)} ${guest.imageHash?.slice(0, 8) ?? '?'.padEnd(8)}  ${commit}`;
}

/** The newest runs, newest first. */
export function historyCard(runs: readonly Run[]): Card {
  return {
    tone: 'quiet',
    title: runs.length === 0 ? 'History: no run yet' : 'History',
    blocks: runs.map(
      (run): Block => ({ kind: 'text', rich: [runLine(run), ' · ', { time: run.startedAt, show: 'relative' }] }),
    ),
    buttons: [],
    files: [],
  };
}

/** A run in one line: `r-41 applied 9b1f2ad: create 1, update 2, in 52 s, approved by Ada`. */
export function runLine(run: Run): string {
  const commit = run.commit === undefined ? '' : ` ${shortSha(run.commit.sha)}`;
  const plan = planOf(run);
  const what = plan === undefined ? '' : `: ${planCounts(plan)}`;
  const backups = backupsIn(run).map(({ name, volid }) => `backup of ${name}: ${volid}`);
  return [`${run.id} ${run.phase}${commit}${what}`, ...outcome(run), ...backups].join(', ');
}

function outcome(run: Run): readonly string[] {
  switch (run.phase) {
    case 'planned':
      return [`${run.approvals.length} of ${run.needed} approvals`];
    case 'previewed':
      return [`${run.ref ?? 'a request'}: ${planCounts(run.preview)}`];
    case 'rejected':
      return [`by ${run.by.name}`, ...(run.reason === undefined ? [] : [run.reason])];
    case 'applied':
      return [`in ${duration(run.endedAt - run.appliedFrom)}`, ...approvers(run.approvals)];
    case 'cancelled':
    case 'interrupted':
      return [doneSoFar(applyGroups(run.plan, run.steps)), ...approvers(run.approvals)];
    case 'failed':
      return [run.failure.message];
    case 'queued':
    case 'applying':
      return approvers(run.approvals);
    default:
      return [];
  }
}

function doneSoFar(groups: readonly ApplyGroup[]): string {
  const guests = groups.filter((group) => group.vmid !== undefined);
  return `${guests.filter((group) => group.state === 'done').length} of ${count(guests.length, 'guest')} done`;
}

function approvers(approvals: readonly Approval[]): readonly string[] {
  return approvals.length === 0 ? [] : [`approved by ${approvals.map(({ by }) => by.name).join(', ')}`];
}

/** The facts of a command that help shows. */
interface HelpEntry {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly name: string; readonly required: boolean }[];
}

/** The commands in help order. */
export function helpCard(commands: readonly HelpEntry[]): Card {
  const blocks = commands.map((command): Block => {
    const options = command.options.map((option) => (option.required ? ` <${option.name}>` : ` [${option.name}]`));
    return {
      kind: 'text',
      rich: [{ code: `/proxnix ${command.name}${options.join('')}` }, `  ${command.description}`],
    };
  });
  return { tone: 'quiet', title: 'Help: commands of proxnix', blocks, buttons: [], files: [] };
}
