import type { PushOutcome } from '../core/commit.ts';
import { errorFacts, UserError } from '../core/errors.ts';
import type { PullEvent } from '../core/pull.ts';
import type { Run, Who } from '../core/run.ts';
import type { Clock, Fleet, Log } from './ports.ts';
import type { Work } from './work.ts';

/** The waits before a head is looked for again that git does not have yet: a forge may write its ref after it tells. */
const againMs = [2_000, 10_000, 30_000] as const;

/** Previews pull and merge requests: notices their commits, and begins and ends their runs. */
export class Previews {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #quietMs: number;
  readonly #work: Work;
  /** The newest event of a request that is looked into, by fleet and number. */
  readonly #newest = new Map<string, PullEvent>();
  /** Cancels the look that an event has scheduled, likewise. */
  readonly #waiting = new Map<string, () => void>();
  readonly #working = new Set<Promise<void>>();
  #stopped = false;

  constructor(
    ports: { readonly clock: Clock; readonly log: Log; readonly pushQuietMs: number },
    { work }: { readonly work: Work },
  ) {
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#quietMs = ports.pushQuietMs;
    this.#work = work;
  }

  /** A forge reports a request of a fleet's repository. @returns whether something follows; it happens later */
  reported(fleet: Fleet, pull: PullEvent): PushOutcome {
    const ignored = (why: string) => ({ kind: 'ignored', why, isOtherRepository: false }) as const;
    const key = keyOf(fleet, pull.number);
    this.#waiting.get(key)?.();
    this.#waiting.delete(key);
    this.#newest.delete(key);
    if (pull.action === 'closed' || pull.base !== fleet.branch) {
      this.#do(fleet, pull.number, () => this.#work.endPreview(fleet, pull.number));
      return pull.action === 'closed'
        ? { kind: 'accepted' }
        : ignored(`the request is for ${pull.base}, expected is ${fleet.branch}`);
    }
    if (pull.isFork && !fleet.previewForks) return ignored('the request is from another repository (PREVIEW_FORKS)');
    this.#newest.set(key, pull);
    // Ten commits in a second make one preview.
    this.#lookIn(this.#quietMs, fleet, pull, 0);
    return { kind: 'accepted' };
  }

  /** Previews a request because an approver asks. @throws UserError when the repository has no such request */
  async asked(fleet: Fleet, number: number, by: Who): Promise<Run> {
    const commit = await fleet.git.findPull(number);
    if (commit !== undefined) return this.#work.preview(fleet, { kind: 'pull', number, by }, commit);
    throw new UserError(`The repository has no pull or merge request ${number}.`, {
      next: 'Name the number of one that is there.',
    });
  }

  /** Stops: nothing is looked for any more. Resolves when the current looks are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const callOff of this.#waiting.values()) callOff();
    this.#waiting.clear();
    await Promise.all(this.#working);
  }

  #lookIn(ms: number, fleet: Fleet, pull: PullEvent, tries: number): void {
    if (this.#stopped) return;
    const key = keyOf(fleet, pull.number);
    const callOff = this.#clock.after(ms, () => {
      this.#waiting.delete(key);
      this.#do(fleet, pull.number, () => this.#look(fleet, pull, tries));
    });
    this.#waiting.set(key, callOff);
  }

  async #look(fleet: Fleet, pull: PullEvent, tries: number): Promise<void> {
    const again = againMs[tries];
    const commit = await fleet.git.findPull(pull.number).catch((error: unknown) => {
      if (again === undefined) throw error;
      this.#log.warn({ fleet: fleet.name, ...errorFacts(error) }, 'the repository could not be fetched for a preview');
      return undefined;
    });
    const key = keyOf(fleet, pull.number);
    // A newer commit was reported meanwhile, or the end of the request.
    if (this.#newest.get(key) !== pull) return;
    const isThere = commit !== undefined && (pull.head === undefined || commit.sha === pull.head);
    if (!isThere && again !== undefined) {
      this.#lookIn(again, fleet, pull, tries + 1);
      return;
    }
    this.#newest.delete(key);
    if (commit === undefined) throw new UserError(`The repository has no request ${pull.number}.`);
    await this.#work.preview(fleet, { kind: 'pull', number: pull.number }, commit);
  }

  #do(fleet: Fleet, number: number, job: () => Promise<void>): void {
    const working = job()
      .catch((error: unknown) => {
        this.#log.warn({ fleet: fleet.name, number, ...errorFacts(error) }, 'a request could not be previewed');
      })
      .finally(() => this.#working.delete(working));
    this.#working.add(working);
  }
}

function keyOf({ name }: Fleet, number: number): string {
  return `${name} ${number}`;
}
