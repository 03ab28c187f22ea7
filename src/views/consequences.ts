import type { Change } from '../core/change.ts';
import { endsRunning, kindOf, requiresRestart } from '../core/change.ts';
import { count, guestName } from './parts.ts';

/** The longest text of a question before a press (Slack: 300 characters). */
const longest = 300;

const deeds: readonly (readonly [action: Change['action'], one: string, several: string])[] = [
  ['destroy', 'Destroys', 'Destroys'],
  ['clean-up', 'Cleans up', 'Cleans up'],
  ['replace', 'Replaces the root disk of', 'Replaces the root disks of'],
  ['rollback', 'Puts an earlier root disk back into', 'Puts earlier root disks back into'],
  ['update', 'Updates', 'Updates'],
  ['create', 'Creates', 'Creates'],
  ['adopt', 'Takes over', 'Takes over'],
];

/**
 * What changes do to whom: `Replaces the root disk of test-website (823). Restarts 1 VM.` Where not every name has room,
 * each list ends in `and 7 more`, and where none has, it is a number.
 */
export function consequences(changes: readonly Change[]): string {
  const most = Math.min(changes.length, 20);
  const tries = Array.from({ length: most + 1 }, (_, index) => said(changes, most - index));
  return tries.find((text) => text.length <= longest) ?? '';
}

/** The sentences with at most so many names in each. */
function said(changes: readonly Change[], most: number): string {
  const sentences = deeds.flatMap(([action, one, several]) => {
    const of = changes.filter((change) => change.action === action);
    if (of.length === 0) return [];
    return [`${of.length === 1 ? one : several} ${listed(of, most)}.`];
  });
  return [...sentences, ...powerSentences(changes)].join(' ');
}

function listed(changes: readonly Change[], most: number): string {
  if (most === 0) return count(changes.length, 'guest');
  const names = changes.slice(0, most).map(guestName).join(', ');
  const more = changes.length - most;
  return more > 0 ? `${names} and ${more} more` : names;
}

function powerSentences(changes: readonly Change[]): readonly string[] {
  const stopped = changes.filter(requiresRestart);
  const down = stopped.filter(staysDown);
  return [
    ...numbered(
      'Restarts',
      stopped.filter((change) => !down.includes(change)),
    ),
    ...numbered('Shuts down', [...down, ...changes.filter(isShutDown)]),
  ];
}

function staysDown(change: Change): boolean {
  return (change.action === 'replace' || change.action === 'rollback') && !endsRunning(change);
}

function isShutDown(change: Change): boolean {
  return change.action === 'update' && change.fields.some(({ field, to }) => field === 'power' && to === 'stopped');
}

/** `Restarts 2 VMs and 1 container.` */
function numbered(verb: string, changes: readonly Change[]): readonly string[] {
  const containers = changes.filter((change) => kindOf(change) === 'container').length;
  const vms = changes.length - containers;
  const what = [
    ...(vms === 0 ? [] : [count(vms, 'VM')]),
    ...(containers === 0 ? [] : [count(containers, 'container')]),
  ];
  return what.length === 0 ? [] : [`${verb} ${what.join(' and ')}.`];
}
