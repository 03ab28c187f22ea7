import { cut, oneLine } from '../lib/text.ts';

/** A commit as git reports it; its texts come from outside. */
export interface Commit {
  /** 40 or 64 hex digits. */
  readonly sha: string;
  /** The first line of its message. */
  readonly subject: string;
  readonly author: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Length limits in bytes: git has none, and each stored run holds a commit. */
const longest = { subject: 300, author: 120 } as const;

/** Shortens a commit for the store: subject and author on one line each, within the length limits. */
export function shortCommit(commit: Commit): Commit {
  const { subject, author } = commit;
  return {
    ...commit,
    // Cut before cleaning as well, so that megabytes of text are not cleaned.
    subject: cut(oneLine(cut(subject, 4 * longest.subject)), longest.subject),
    author: cut(oneLine(cut(author, 4 * longest.author)), longest.author),
  };
}

/** An author or committer as git reports them; the texts come from outside. */
export interface Signature {
  /** At most 200 characters. */
  readonly name: string;
  /** At most 200 characters. */
  readonly email: string;
  /** The newest commit that names this person. */
  readonly sha: string;
}

/** All authors and committers of some commits, each pair of name and address once. */
export interface Authorship {
  readonly signatures: readonly Signature[];
  /** False when there are more commits than were read. */
  readonly complete: boolean;
}

/** The first seven digits, as people write commits. */
export function shortSha(sha: string): string {
  return sha.slice(0, 7);
}

/** A push as a forge reports it. It only triggers a fetch: the commit to plan is read from git. */
export interface PushEvent {
  /** `owner/name` in lower case, as the forge spells it. */
  readonly repository: string;
  /** The full ref, e.g. `refs/heads/main`. */
  readonly ref: string;
  /** The new commit; `undefined` when the ref was deleted. */
  readonly after?: string;
  /** The forge's id of this delivery, where it sends one. */
  readonly delivery?: string;
  /** The forge sends this delivery again. */
  readonly isRepeated?: true;
}

/** What becomes of a push: it is planned, or ignored; then `why` says what came and what is expected. */
export type PushOutcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'ignored'; readonly why: string; readonly isOtherRepository: boolean };

/** What one commit has and another one has not. */
export interface Comparison {
  /** The commits between them without merges, the newest first: at most 20. */
  readonly newest: readonly Commit[];
  /** How many there are; a number beyond 1000 is told as 1000. */
  readonly all: number;
  /** The paths of the files that differ, at most 200. */
  readonly files: readonly string[];
  /** The text of `flake.lock` in either, where there is one. */
  readonly locks: { readonly before?: string; readonly after?: string };
}
