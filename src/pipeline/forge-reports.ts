import { LRUCache } from 'lru-cache';
import type { Run } from '../core/run.ts';
import { type CommitOutcome, commitOutcome, overtaken } from '../views/commit-status.ts';
import { Outbox } from './outbox.ts';
import type { Fleet, Ports } from './ports.ts';

/** The newest status of a commit: which run gave it, and what it says. */
interface Given {
  /** The number of the run. */
  readonly run: number;
  readonly outcome: CommitOutcome;
}

/** Runs of these causes plan a commit for its own sake; a drift, a rollback and an adoption do not. */
const ofCommits: readonly Run['trigger']['kind'][] = ['push', 'poll', 'start', 'command', 'plan-again'];

/** How many commits are remembered, so that nothing is sent twice. */
const mostRemembered = 1000;

/**
 * Tells the forge of each fleet how its commits fare. Of the runs for one commit the newest counts. Nothing waits for the
 * forge, and without a token nothing is sent.
 */
export class ForgeReports {
  readonly #ports: Pick<Ports, 'fleets' | 'runUrl'>;
  readonly #outboxes: ReadonlyMap<string, Outbox>;
  readonly #given = new LRUCache<string, Given>({ max: mostRemembered });
  /** The commit of each open run. */
  readonly #planned = new Map<string, string>();

  constructor(ports: Pick<Ports, 'fleets' | 'clock' | 'log' | 'runUrl'>) {
    this.#ports = ports;
    const { clock, log } = ports;
    this.#outboxes = new Map(ports.fleets.map(({ name }) => [name, new Outbox({ clock, log, fleet: name })]));
  }

  /**
   * Gives the commit of a run the status that follows from the run. Called after each change; returns at once.
   * @param find another run by its id
   */
  report(run: Run, find: (id: string) => Run | undefined): void {
    const fleet = this.#ports.fleets.find(({ name }) => name === run.fleet);
    const { commit } = run;
    if (fleet?.forge === undefined || commit === undefined || !givesStatus(run)) return;
    const before = this.#planned.get(run.id);
    if (before !== undefined && before !== commit.sha) this.#give(fleet, run, before, overtaken);
    if ('endedAt' in run) this.#planned.delete(run.id);
    else this.#planned.set(run.id, commit.sha);
    // Of a commit that was planned twice, the plan that stands goes on.
    const standing = run.phase === 'in-sync' && run.standing !== undefined ? find(run.standing) : undefined;
    if (standing?.commit?.sha !== commit.sha) return this.#give(fleet, run, commit.sha, commitOutcome(run));
    this.#given.delete(subjectOf(fleet, commit.sha));
    this.#give(fleet, standing, commit.sha, commitOutcome(standing));
  }

  /** Sends what waits now. Resolves when each forge has taken it or has failed once. */
  async flush(): Promise<void> {
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox.flush()));
  }

  #give(fleet: Fleet, { id }: Run, sha: string, outcome: CommitOutcome): void {
    const subject = subjectOf(fleet, sha);
    const number = Number(id.slice('r-'.length));
    const given = this.#given.get(subject);
    if (given !== undefined && (given.run > number || isSame(given.outcome, outcome))) return;
    this.#given.set(subject, { run: number, outcome });
    const url = this.#ports.runUrl?.(id);
    const { state, text: description } = outcome;
    const status = { state, context: contextOf(fleet), description, ...(url === undefined ? {} : { url }) };
    this.#outboxes.get(fleet.name)?.put(subject, async () => fleet.forge?.setStatus(sha, status));
  }
}

function contextOf({ name }: Fleet): string {
  return `proxnix/${name}`;
}

function subjectOf(fleet: Fleet, sha: string): string {
  return `${contextOf(fleet)} ${sha}`;
}

/** Is it a run for a commit of the branch? */
function givesStatus({ trigger, offBranch }: Run): boolean {
  return offBranch === undefined && ofCommits.includes(trigger.kind);
}

function isSame(a: CommitOutcome, b: CommitOutcome): boolean {
  return a.state === b.state && a.text === b.text;
}
