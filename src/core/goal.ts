import type { Commit } from './commit.ts';
import type { DesiredGuest } from './guest.ts';
import type { RetainedDisk } from './live.ts';

/** What a plan is for. It travels with the plan, so the plan can be made again from it without evaluating anything. */
export interface Goal {
  readonly fleet: string;
  /** Set when more than one fleet is configured: guests then carry `fleet-<name>`. */
  readonly fleetTag?: string;
  readonly commit: Commit;
  readonly guests: readonly DesiredGuest[];
  /** The one VMID that the plan is about: it is taken over, and nothing else is planned. */
  readonly adopt?: number;
  /** People want to go back: to kept root disks where there are some, else by building. */
  readonly rollback?: {
    /** The one guest that goes back; absent: all of them, to what the commit says. */
    readonly vmid?: number;
    /** The disks there are to go back to. */
    readonly retained: readonly RetainedDisk[];
  };
}

/** Whose guests a fleet's are: only one of several marks them with a tag, in the lower case of Proxmox's tags. */
export function ownerOf({
  name,
  tagged,
}: {
  readonly name: string;
  readonly tagged: boolean;
}): Pick<Goal, 'fleet' | 'fleetTag'> {
  return { fleet: name, ...(tagged ? { fleetTag: name.toLowerCase() } : {}) };
}

/** The one VMID that a plan is about; `undefined`: it is about the whole fleet. */
export function onlyGuest({ adopt, rollback }: Goal): number | undefined {
  return adopt ?? rollback?.vmid;
}
