import type { Guest } from './guest.ts';
import { guestName } from './guest-status.ts';

/** What the name of a guest makes it do. The word may stand anywhere in the name between dashes: `web-fail-start`. */
export type Sentinel =
  /** The start task fails. */
  | 'fail-start'
  /** No guest agent ever answers. */
  | 'no-agent'
  /** The agent answers, but the guest never gets an address. */
  | 'sick'
  /** The guest ignores ACPI and has no agent: a shutdown runs into its timeout. */
  | 'deaf';

/** Whether a guest's name holds that word. */
export function isNamed(guest: Guest, sentinel: Sentinel): boolean {
  return new RegExp(`(?:^|-)${sentinel}(?:-|$)`).test(guestName(guest));
}
