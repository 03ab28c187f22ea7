import { type Commit, shortSha } from '../src/core/commit.ts';
import type { RolledBackGuest } from '../src/core/goal.ts';
import { didYouMean } from '../src/core/nearest.ts';
import type { DriftFinding } from '../src/pipeline/drift-check.ts';
import { guestName } from '../src/views/parts.ts';
import { defineCommand, note } from './command.ts';

/** Compares the cluster with what was last applied, now. What differs becomes a plan that waits for an approval. */
export const drift = defineCommand({
  name: 'drift',
  description: 'Compare the cluster with what was last applied, now',
  wish: 'view',
  options: [{ name: 'fleet', description: 'The fleet (default: all)', required: false, complete: 'fleet' }],
  async run({ args, pipeline, fleets }) {
    const names = fleets.map((fleet) => fleet.name);
    if (args.fleet !== undefined && !names.includes(args.fleet)) {
      return note(`There is no fleet "${args.fleet}"${didYouMean(args.fleet, names) || '.'}`);
    }
    const meant = fleets.filter((fleet) => args.fleet === undefined || fleet.name === args.fleet);
    const found: string[] = [];
    // One after the other, because fleets of one cluster share its queue.
    for (const fleet of meant) found.push(`${fleet.name}: ${words(await pipeline.drift(fleet))}`);
    return note(found.join(' '));
  },
});

function words(finding: DriftFinding): string {
  switch (finding.kind) {
    case 'same':
      return `nothing differs from ${shortSha(finding.commit.sha)}, which was applied last${besideHead(finding.head)}.${rollbacks(finding.rolledBack)}`;
    case 'known':
      return 'it differs as before; no new plan was made.';
    case 'drift':
      return `it has drifted; see run ${finding.runId}.`;
    case 'open':
      return `run ${finding.runId} is open; decide it first.`;
    case 'unfinished':
      return `run ${finding.runId} was not finished; plan again to finish it.`;
    case 'busy':
      return 'a plan or apply is under way; try again when it ends.';
    case 'never-applied':
      return 'nothing was applied yet.';
    case 'unknown-commit':
      return 'the commit that was applied last is not in the repository any more.';
  }
}

function rollbacks(guests: readonly RolledBackGuest[]): string {
  if (guests.length === 0) return '';
  const names = guests.map((guest) => `${guestName(guest)} (by ${guest.by}, run ${guest.runId})`);
  return ` Rolled back since, and not compared: ${names.join(', ')}.`;
}

function besideHead(head: Commit | undefined): string {
  return head === undefined ? '' : `, apart from what ${shortSha(head.sha)}, planned since, changes`;
}
