import { LRUCache } from 'lru-cache';
import { type FailedRun, isPreview, type PreviewedRun, type Run } from '../core/run.ts';
import { type CommitOutcome, commitOutcome, overtaken } from '../views/commit-status.ts';
import { previewComment } from '../views/preview.ts';
import { Outbox } from './outbox.ts';
import type { Fleet, Ports } from './ports.ts';

/** The newest status of a commit: which run gave it, and what it says. */
interface Given {
  /** The number of the run. */
  readonly run: number;
  readonly outcome: CommitOutcome;
}

/** Runs of these causes plan a commit of the branch for its own sake; a drift, a rollback and an adoption do not. */
const ofCommits: readonly Run['trigger']['kind'][] = ['push', 'poll', 'start', 'command', 'plan-again'];

/** How many commits are remembered, so that nothing is sent twice. */
const mostRemembered = 1000;

/**
 * Tells the forge of each fleet how its commits fare, and comments on requests what they would change. Of the runs for one
 * commit the newest counts. Nothing waits for the forge, and without a token nothing is sent.
 */
export class ForgeReports {
  readonly #ports: Pick<Ports, 'fleets' | 'runUrl' | 'gate'>;
  readonly #outboxes: ReadonlyMap<string, Outbox>;
  readonly #given = new LRUCache<string, Given>({ max: mostRemembered });
  /** The newest comment on each request, by fleet and number. */
  readonly #said = new LRUCache<string, string>({ max: mostRemembered });
  /** The commit of each open run. */
  readonly #planned = new Map<string, string>();

  constructor(ports: Pick<Ports, 'fleets' | 'clock' | 'log' | 'gate' | 'runUrl'>) {
    this.#ports = ports;
    const { clock, log } = ports;
    this.#outboxes = new Map(ports.fleets.map(({ name }) => [name, new Outbox({ clock, log, fleet: name })]));
  }

  /**
   * Gives the commit of a run the status that follows from the run, and a request its comment. Called after each change;
   * returns at once.
   * @param runs every run that is kept, oldest first
   */
  report(run: Run, runs: readonly Run[]): void {
    const fleet = this.#ports.fleets.find(({ name }) => name === run.fleet);
    const { commit } = run;
    if (fleet?.forge === undefined || commit === undefined || !givesStatus(run)) return;
    const before = this.#planned.get(run.id);
    if (before !== undefined && before !== commit.sha) this.#give(fleet, run, before, overtaken);
    if ('endedAt' in run) this.#planned.delete(run.id);
    else this.#planned.set(run.id, commit.sha);
    // Of a commit that was planned twice, the plan that stands goes on.
    const standing =
      run.phase === 'in-sync' && run.standing !== undefined ? runs.find(({ id }) => id === run.standing) : undefined;
    const counting = standing?.commit?.sha === commit.sha ? standing : run;
    if (counting !== run) this.#given.delete(subjectOf(fleet, run, commit.sha));
    this.#give(fleet, counting, commit.sha, commitOutcome(counting));
    if (isPreview(run) && (run.phase === 'previewed' || run.phase === 'failed')) this.#comment(fleet, run, runs);
  }

  /** Sends what waits now. Resolves when each forge has taken it or has failed once. */
  async flush(): Promise<void> {
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox.flush()));
  }

  #give(fleet: Fleet, run: Run, sha: string, outcome: CommitOutcome): void {
    const subject = subjectOf(fleet, run, sha);
    const number = Number(run.id.slice('r-'.length));
    const given = this.#given.get(subject);
    // What its preview said of a commit stays true when the request is closed.
    if (run.phase === 'closed' && given?.outcome.state !== 'pending') return;
    if (given !== undefined && (given.run > number || isSame(given.outcome, outcome))) return;
    this.#given.set(subject, { run: number, outcome });
    const url = this.#ports.runUrl?.(run.id);
    const { state, text: description } = outcome;
    const status = { state, context: contextOf(fleet, run), description, ...(url === undefined ? {} : { url }) };
    this.#outboxes.get(fleet.name)?.put(subject, async () => fleet.forge?.setStatus(sha, status));
  }

  /** Says on a request what its newest commit would change: one comment, which is edited from then on. */
  #comment(fleet: Fleet, run: PreviewedRun | FailedRun, runs: readonly Run[]): void {
    if (run.trigger.kind !== 'pull') return;
    const { number } = run.trigger;
    const isSameRequest = ({ fleet: of, trigger }: Run) =>
      of === fleet.name && trigger.kind === 'pull' && trigger.number === number;
    // After a restart, runs that ended lately are reported again, one that a later preview took the place of as well.
    if (runs.findLast(isSameRequest)?.id !== run.id) return;
    const subject = `comment on #${number}`;
    const key = `${fleet.name} ${subject}`;
    const text = this.#ports.gate(previewComment(run, this.#ports.runUrl?.(run.id)));
    if (this.#said.get(key) === text) return;
    this.#said.set(key, text);
    this.#outboxes.get(fleet.name)?.put(subject, async () => fleet.forge?.comment(number, fleet.name, text));
  }
}

/** A preview has a context of its own: after a merge the same commit may be that of the branch. */
function contextOf({ name }: Fleet, run: Run): string {
  return `proxnix/${name}${isPreview(run) ? '/preview' : ''}`;
}

function subjectOf(fleet: Fleet, run: Run, sha: string): string {
  return `${contextOf(fleet, run)} ${sha}`;
}

/** Is it a run for a commit of the branch, or of a request? */
function givesStatus(run: Run): boolean {
  return isPreview(run) || (run.offBranch === undefined && ofCommits.includes(run.trigger.kind));
}

function isSame(a: CommitOutcome, b: CommitOutcome): boolean {
  return a.state === b.state && a.text === b.text;
}
