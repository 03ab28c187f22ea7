import type { Authorship, Commit, Comparison } from '../core/commit.ts';
import type { FlakeFile } from '../core/flake-patch.ts';

/** A commit that is pinned in the bot's own mirror: what an evaluation reads. */
export interface Source {
  /** Absolute path of the bare mirror. */
  readonly mirror: string;
  /** The hidden ref that keeps the commit reachable, e.g. `refs/proxnix/r-12`. */
  readonly ref: string;
  readonly rev: string;
  /** Folder of the flake inside the repository. */
  readonly dir?: string;
  /** The text of `flake.lock` beside the flake; absent when there is none. */
  readonly lock?: string;
}

/** One repository and one branch of it, both from our configuration. Errors are `UserError`s without credentials. */
export interface Git {
  /** Fetches the branch and tells its newest commit. Refuses when the branch does not exist. */
  head(): Promise<Commit>;
  /** A commit by ref or hash (seven digits or more), after a fetch; `undefined` when there is none. */
  find(ref: string): Promise<Commit | undefined>;
  /**
   * The newest commit of a pull or merge request, from the ref that its forge keeps, after a fetch; `undefined` when
   * there is none. `find` does not find it by the name of that ref.
   */
  findPull(number: number): Promise<Commit | undefined>;
  /**
   * Is a commit the head of the branch, or one of its ancestors? Fetches nothing: the branch as it was fetched last
   * answers, also while the server is down. Rejects when the mirror cannot tell.
   */
  isOnBranch(sha: string): Promise<boolean>;
  /**
   * Who wrote and who committed what `head` has and `base` has not (git's `base..head`); without `base`, the one commit
   * `head`. Fetches nothing. At most 1000 commits are looked at. Rejects when the mirror does not have both.
   */
  authors(head: string, base?: string): Promise<Authorship>;
  /** What `head` has and `base` has not (git's `base..head`). Fetches nothing. Rejects when the mirror does not have both. */
  compare(base: string, head: string): Promise<Comparison>;
  /**
   * The Nix files of a commit's flake folder that contain a text: at most 50, of 256 KiB each. Fetches nothing. Rejects
   * when the mirror does not have the commit.
   */
  nixFiles(sha: string, containing: string): Promise<readonly FlakeFile[]>;
  /** Keeps a commit for a plan under `name` (letters, digits, `-`), also through a force push. */
  pin(sha: string, name: string): Promise<Source>;
  /** Unpins a commit; an unknown name is ignored. */
  unpin(name: string): Promise<void>;
}
