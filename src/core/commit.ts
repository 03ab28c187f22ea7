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

/** The first seven digits, as people write commits. */
export function shortSha(sha: string): string {
  return sha.slice(0, 7);
}
