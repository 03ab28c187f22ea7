/**
 * A pull or merge request as a forge reports it. It only triggers a preview: the commit to plan is read from git.
 */
export interface PullEvent {
  /** `owner/name` in lower case of the repository that it is to be merged into. */
  readonly repository: string;
  readonly number: number;
  /** Its newest commit when it was reported, where the forge tells; git may have it later. */
  readonly head?: string;
  /** The branch that it is to be merged into. */
  readonly base: string;
  /** It comes from another repository, or from one that is gone: its author may have no right to push here. */
  readonly isFork: boolean;
  /** `pushed`: it was opened, opened again or got a commit. */
  readonly action: 'pushed' | 'closed';
  /** The forge's id of this delivery, where it sends one. */
  readonly delivery?: string;
}

/** The number in `pull/7`, as people write it, or in the full ref that a forge keeps; `undefined` for any other ref. */
export function pullNumberOf(ref: string): number | undefined {
  const digits = /^(?:refs\/)?(?:pull|merge-requests)\/([1-9][0-9]{0,8})(?:\/head)?$/.exec(ref)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
