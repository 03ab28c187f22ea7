import type { Lock, Policy } from '../core/policy.ts';

/** What a card says beside the run itself: where the commit can be looked at, who decides, what holds applies up. */
export interface CardContext {
  /** `owner/name` of the repository, as people know it. */
  readonly repository: string;
  /** Where commits can be seen, e.g. `https://git.example.org/acme/fleet`; absent for a local repository. */
  readonly webUrl?: string;
  readonly policy: Pick<Policy, 'approvers' | 'maxDestroy' | 'allowOtherBranches'>;
  readonly lock?: Lock;
  /** The commit applied before this one. */
  readonly applied?: string;
  /** The run that is in front of this one in the lane: its id, or `of another fleet`. */
  readonly behind?: string;
  /** How long a root disk that was taken out is kept, in milliseconds. */
  readonly rollbackWindowMs: number;
  readonly now: number;
}
