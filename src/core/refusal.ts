/** Why a press or a command was refused; each is explained in the README. */
export const reasonCodes = [
  'not-an-approver',
  'not-a-viewer',
  'wrong-channel',
  'too-many-asks',
  'author-may-not-approve',
  'unknown-author',
  'unmapped-person',
  'other-branch',
  'needs-plan',
  'needs-confirmation',
  'plan-superseded',
  'plan-expired',
  'plan-drifted',
  'already-approved',
  'already-decided',
  'locked',
] as const;

/** One of the reasons of a refusal. */
export type ReasonCode = (typeof reasonCodes)[number];

/** A refusal: its code, and one sentence for the person who was refused. */
export interface Refusal {
  readonly code: ReasonCode;
  readonly text: string;
}
