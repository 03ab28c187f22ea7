import { type Authorship, type Commit, type Comparison, shortCommit } from '../../src/core/commit.ts';
import { UserError } from '../../src/core/errors.ts';
import type { FlakeFile } from '../../src/core/flake-patch.ts';
import type { Git, Source } from '../../src/git/git.ts';
import { distinct, mostCommits, mostListed } from '../../src/git/mirror.ts';
import { pinRef, refsOf, shortShaPattern } from '../../src/git/run.ts';

/** A commit with what only `authors` tells of it; absent: the author's name, and an address made of it. */
export interface FakeCommit extends Commit {
  readonly authorEmail?: string;
  readonly committer?: string;
  readonly committerEmail?: string;
  /** The files that it changes. */
  readonly files?: readonly string[];
  readonly lock?: string;
  readonly nixFiles?: readonly FlakeFile[];
}

/** A repository in memory, for tests of what uses the port. Its `push` and `point` are what other people do to it. */
export class FakeGit implements Git {
  readonly #commits = new Map<string, FakeCommit>();
  readonly #parents = new Map<string, string>();
  readonly #refs = new Map<string, string>();
  readonly #pins = new Map<string, string>();
  readonly #branch: string;
  readonly #flakeDir: string | undefined;
  /** Set: every fetch fails with it. */
  unreachable: UserError | undefined;
  /** Set: the mirror itself answers with it where a commit belongs and who wrote it. */
  unreadable: UserError | undefined;
  /** Held before every fetch. */
  beforeFetch: () => Promise<void> | undefined = () => undefined;

  constructor(options: { readonly branch?: string; readonly flakeDir?: string } = {}) {
    this.#branch = options.branch ?? 'main';
    this.#flakeDir = options.flakeDir;
  }

  /** Makes a commit the newest of a branch. */
  push(commit: FakeCommit, branch = this.#branch): void {
    const ref = `refs/heads/${branch}`;
    const parent = this.#refs.get(ref);
    const isNew = !this.#commits.has(commit.sha);
    if (isNew && parent !== undefined) this.#parents.set(commit.sha, parent);
    this.#commits.set(commit.sha, { ...commit, ...shortCommit(commit) });
    this.point(ref, commit.sha);
  }

  /** Makes a commit the newest of a pull request; its parent is the newest of the branch. */
  pushPull(commit: FakeCommit, number: number): void {
    const parent = this.#refs.get(`refs/heads/${this.#branch}`);
    if (!this.#commits.has(commit.sha) && parent !== undefined) this.#parents.set(commit.sha, parent);
    this.#commits.set(commit.sha, { ...commit, ...shortCommit(commit) });
    this.point(`refs/pull/${number}/head`, commit.sha);
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
    await this.#fetch();
    const commit = this.#at(`refs/heads/${this.#branch}`);
    if (commit === undefined) throw new UserError(`The repository has no branch ${this.#branch}.`);
    return commit;
  }

  async find(ref: string): Promise<Commit | undefined> {
    const refs = refsOf(ref);
    if (refs.length === 0 && !shortShaPattern.test(ref)) return undefined;
    await this.#fetch();
    const commits = shortShaPattern.test(ref)
      ? [...this.#commits.values()].filter((commit) => commit.sha.startsWith(ref.toLowerCase()))
      : [];
    if (commits.length > 1) throw new UserError(`${ref} is the beginning of ${commits.length} commits.`);
    const [commit] = commits;
    if (commit !== undefined) return plain(commit);
    return refs.map((name) => this.#at(name)).find((commit) => commit !== undefined);
  }

  async findPull(number: number): Promise<Commit | undefined> {
    await this.#fetch();
    return this.#at(`refs/pull/${number}/head`);
  }

  async isOnBranch(sha: string): Promise<boolean> {
    const head = this.#refs.get(`refs/heads/${this.#branch}`);
    if (head === undefined) throw new UserError('The mirror has no such branch.');
    this.#known(sha);
    return this.#historyOf(head).includes(sha);
  }

  async authors(head: string, base?: string): Promise<Authorship> {
    this.#known(head);
    if (base !== undefined) this.#known(base);
    const without = base === undefined ? [] : this.#historyOf(base);
    const all = base === undefined ? [head] : this.#historyOf(head).filter((sha) => !without.includes(sha));
    const signatures = all.slice(0, mostCommits).flatMap((sha) => {
      const { author, committer = author, ...emails } = this.#known(sha);
      const { authorEmail = addressOf(author), committerEmail = addressOf(committer) } = emails;
      return [
        { sha, name: author, email: authorEmail },
        { sha, name: committer, email: committerEmail },
      ];
    });
    return { signatures: distinct(signatures), complete: all.length <= mostCommits };
  }

  async compare(base: string, head: string): Promise<Comparison> {
    this.#known(head);
    this.#known(base);
    const without = this.#historyOf(base);
    const all = this.#historyOf(head).filter((sha) => !without.includes(sha));
    const commits = all.map((sha) => this.#known(sha));
    const [before, after] = [base, head].map((sha) => this.#lockAt(sha));
    return {
      newest: commits.slice(0, mostListed).map(plain),
      all: Math.min(all.length, mostCommits),
      files: [...new Set(commits.flatMap(({ files = [] }) => files))],
      locks: { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) },
    };
  }

  /** The lock file of a commit: its own, else that of the newest ancestor which has one. */
  #lockAt(sha: string): string | undefined {
    return this.#historyOf(sha)
      .map((one) => this.#commits.get(one)?.lock)
      .find((lock) => lock !== undefined);
  }

  async nixFiles(sha: string, containing: string): Promise<readonly FlakeFile[]> {
    const files = this.#historyOf(this.#known(sha).sha).flatMap((one) => this.#commits.get(one)?.nixFiles ?? []);
    return files.filter(({ text }) => text.includes(containing));
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

  async #fetch(): Promise<void> {
    await this.beforeFetch();
    if (this.unreachable !== undefined) throw this.unreachable;
  }

  /** A commit and its ancestors, newest first. */
  #historyOf(sha: string): readonly string[] {
    const history: string[] = [];
    for (let at: string | undefined = sha; at !== undefined; at = this.#parents.get(at)) history.push(at);
    return history;
  }

  #known(sha: string): FakeCommit {
    if (this.unreadable !== undefined) throw this.unreadable;
    const commit = this.#commits.get(sha);
    if (commit === undefined) throw new UserError(`The mirror has no commit ${sha.slice(0, 12)}.`);
    return commit;
  }

  #at(ref: string): Commit | undefined {
    const sha = this.#refs.get(ref);
    const commit = sha === undefined ? undefined : this.#commits.get(sha);
    return commit === undefined ? undefined : plain(commit);
  }
}

/** As `head` and `find` tell it. */
function plain({ sha, subject, author, at }: FakeCommit): Commit {
  return { sha, subject, author, at };
}

function addressOf(name: string): string {
  return `${name.toLowerCase().replace(/[^a-z0-9]+/g, '.')}@example.org`;
}
