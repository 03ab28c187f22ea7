import type { Commit } from './commit.ts';

/**
 * What a card says beside the plan: why it changes, and what its values mean. No approval rests on it, and no step reads
 * it; each part is absent where it is not known.
 */
export interface Review {
  /** What the planned commit has and the one applied before it has not. */
  readonly commits?: CommitsSince;
}

/** The commits between two, the newest first. */
export interface CommitsSince {
  /** At most 20. */
  readonly newest: readonly Commit[];
  /** How many there are; a number beyond 1000 is told as 1000. */
  readonly all: number;
}
