import type { Commit } from './commit.ts';
import type { DesiredGuest } from './guest.ts';

/** What a plan is for. It travels with the plan, so the plan can be made again from it without evaluating anything. */
export interface Goal {
  readonly fleet: string;
  /** Set when more than one fleet is configured: guests then carry `fleet-<name>`. */
  readonly fleetTag?: string;
  readonly commit: Commit;
  readonly guests: readonly DesiredGuest[];
  /** The one VMID that the plan is about: it is taken over, and nothing else is planned. */
  readonly adopt?: number;
}
