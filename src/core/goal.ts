import type { Commit } from './commit.ts';
import type { DesiredGuest } from './guest.ts';
import type { KnownGuest, LiveConfig, LiveGuest, RetainedDisk } from './live.ts';
import { hasCreationMarker, readTags, stagingOwner } from './tags.ts';

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

/** Does this guest belong to the goal's fleet? Without a fleet's tag it does only where there is but one fleet. */
export function belongsTo(goal: Pick<Goal, 'fleet' | 'fleetTag'>, tags: readonly string[]): boolean {
  const { ours, fleet } = readTags(tags);
  if (!ours) return false;
  return fleet === undefined ? goal.fleetTag === undefined : fleet === goal.fleet.toLowerCase();
}

/** The guest that this one was to bring a new root disk to; `undefined` when it is no staging guest. */
export function stagedFor({ tags, config }: LiveGuest): number | undefined {
  const { ours, pending } = readTags(tags);
  return ours && pending && config !== undefined ? stagingOwner(config.description) : undefined;
}

/**
 * Ours in all but its tags: a run was cut off between the create call and the write of the tags. A VM gets its disk
 * only after its tags, a container has its root file system from the beginning and is not started before: anything more
 * is somebody's machine, whatever its description says.
 */
export function isCreateInterrupted({ kind, vmid, tags, status, config }: LiveGuest): boolean {
  if (config === undefined || !hasCreationMarker(vmid, tags, config.description)) return false;
  return kind === 'vm' ? hasNoDisks(config) : status !== 'running' && hasOnlyRoot(config);
}

function hasOnlyRoot({ disks, unused }: LiveConfig): boolean {
  return Object.keys(disks).every((slot) => slot === 'rootfs') && Object.keys(unused).length === 0;
}

/** Has the guest neither a disk in a slot nor an unused one? */
export function hasNoDisks(config: LiveConfig): boolean {
  return Object.keys(config.disks).length === 0 && Object.keys(config.unused).length === 0;
}

/** Is it called as the flake wants it? Proxmox keeps the case of names and means nothing by it. */
export function sameName(guest: DesiredGuest, live: LiveGuest): boolean {
  return guest.name.toLowerCase() === live.name.toLowerCase();
}

/** Was its configuration read? */
export function hasConfig(guest: LiveGuest): guest is KnownGuest {
  return guest.config !== undefined;
}
