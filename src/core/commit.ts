import { cut, oneLine } from '../lib/text.ts';

/** A commit as git tells it; text in it comes from outside. */
export interface Commit {
  /** 40 or 64 hex digits. */
  readonly sha: string;
  /** The first line of its message. */
  readonly subject: string;
  readonly author: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Bytes of what a commit says of itself: git itself sets no limit, and each run keeps it. */
const longest = { subject: 300, author: 120 } as const;

/** A commit as it may be kept: on one line each, and not longer than people read. */
export function shortCommit(commit: Commit): Commit {
  const { subject, author } = commit;
  return {
    ...commit,
    // Cut before as well: there is no reason to clean megabytes.
    subject: cut(oneLine(cut(subject, 4 * longest.subject)), longest.subject),
    author: cut(oneLine(cut(author, 4 * longest.author)), longest.author),
  };
}

/** Somebody whom a commit names as its author or its committer, as git tells it: text from outside. */
export interface Signature {
  /** At most 200 characters. */
  readonly name: string;
  /** At most 200 characters. */
  readonly email: string;
  /** The newest commit that names them. */
  readonly sha: string;
}

/** Everybody whom some commits name as author or committer, each name and address once. */
export interface Authorship {
  readonly signatures: readonly Signature[];
  /** False: there are more commits than were looked at. */
  readonly complete: boolean;
}

/** The first seven digits, as people write commits. */
export function shortSha(sha: string): string {
  return sha.slice(0, 7);
}

/** A push as a forge reports it: a hint. The commit to plan is read from git. */
export interface PushEvent {
  /** `owner/name` in lower case, as the forge spells it. */
  readonly repository: string;
  /** The full ref, e.g. `refs/heads/main`. */
  readonly ref: string;
  /** The new commit; `undefined` when the ref was deleted. */
  readonly after?: string;
  /** The forge's id of this delivery, where it sends one. */
  readonly delivery?: string;
}
