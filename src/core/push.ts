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
