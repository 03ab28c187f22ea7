import { type Commit, shortCommit } from '../core/commit.ts';
import { UserError } from '../core/errors.ts';
import type { Git, Source } from './git.ts';
import { pinRef, refsOf, shortShaPattern } from './names.ts';

/** A repository in memory, for tests of what uses the port. Its `push` and `point` are what other people do to it. */
export class FakeGit implements Git {
  readonly #commits = new Map<string, Commit>();
  readonly #refs = new Map<string, string>();
  readonly #pins = new Map<string, string>();
  readonly #branch: string;
  readonly #flakeDir: string | undefined;
  /** Set: every fetch fails with it. */
  unreachable: UserError | undefined;

  constructor(options: { readonly branch?: string; readonly flakeDir?: string } = {}) {
    this.#branch = options.branch ?? 'main';
    this.#flakeDir = options.flakeDir;
  }

  /** Makes a commit the newest of a branch. */
  push(commit: Commit, branch = this.#branch): void {
    this.#commits.set(commit.sha, shortCommit(commit));
    this.point(`refs/heads/${branch}`, commit.sha);
  }

  /** Lets a full ref point to a commit that was pushed; `undefined` deletes the ref. */
  point(ref: string, sha: string | undefined): void {
    if (sha === undefined) this.#refs.delete(ref);
    else this.#refs.set(ref, sha);
  }

  /** The hash pinned under a name. */
  pinned(name: string): string | undefined {
    return this.#pins.get(pinRef(name));
  }

  async head(): Promise<Commit> {
    this.#fetch();
    const commit = this.#at(`refs/heads/${this.#branch}`);
    if (commit === undefined) throw new UserError(`The repository has no branch ${this.#branch}.`);
    return commit;
  }

  async find(ref: string): Promise<Commit | undefined> {
    const refs = refsOf(ref);
    if (refs.length === 0 && !shortShaPattern.test(ref)) return undefined;
    this.#fetch();
    const commits = shortShaPattern.test(ref)
      ? [...this.#commits.values()].filter((commit) => commit.sha.startsWith(ref.toLowerCase()))
      : [];
    if (commits.length > 1) throw new UserError(`${ref} is the beginning of ${commits.length} commits.`);
    return commits[0] ?? refs.map((name) => this.#at(name)).find((commit) => commit !== undefined);
  }

  async pin(sha: string, name: string): Promise<Source> {
    const ref = pinRef(name);
    if (!this.#commits.has(sha)) throw new UserError(`The commit ${JSON.stringify(sha)} is not in the repository.`);
    this.#pins.set(ref, sha);
    const dir = this.#flakeDir === undefined ? {} : { dir: this.#flakeDir };
    return { mirror: '/fake/mirror.git', ref, rev: sha, ...dir };
  }

  async unpin(name: string): Promise<void> {
    this.#pins.delete(pinRef(name));
  }

  #fetch(): void {
    if (this.unreachable !== undefined) throw this.unreachable;
  }

  #at(ref: string): Commit | undefined {
    const sha = this.#refs.get(ref);
    return sha === undefined ? undefined : this.#commits.get(sha);
  }
}
