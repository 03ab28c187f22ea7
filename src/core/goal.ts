import type { Commit } from './commit.ts';
import { dataDisksOf } from './data-disk-changes.ts';
import { type Declared, declaredBy } from './declared.ts';
import type { DesiredGuest } from './guest.ts';
import { factsOf, type GuestFacts } from './guest-facts.ts';
import type { KnownGuest, LiveConfig, LiveGuest, LiveState, RetainedDisk } from './live.ts';
import type { Backup } from './settings.ts';
import { attachedVolumes, hasCreationMarker, readTags, splitTags, stagingOwner } from './tags.ts';

/** The purpose of a plan. The plan carries it, so that planning again needs no evaluation. */
export interface Goal {
  readonly fleet: string;
  /** Set when more than one fleet is configured: guests then carry `fleet-<name>`. */
  readonly fleetTag?: string;
  readonly commit: Commit;
  readonly guests: readonly DesiredGuest[];
  /**
   * The guests that the head declares, the newest commit that was planned, where it is another commit. Set for a drift:
   * nothing is planned that the head does not want.
   */
  readonly head?: readonly DesiredGuest[];
  /** When guests are backed up that the flake does not declare any more; absent: never. */
  readonly backup?: Backup;
  /** What the flake last said of the backup of such guests; it holds in place of `backup`. */
  readonly backups?: readonly { readonly vmid: number; readonly backup: Backup }[];
  /** The guests that were rolled back after the commit was applied: a drift leaves them as they are; absent without any. */
  readonly rolledBack?: readonly RolledBackGuest[];
  /** The VMID of the guest to adopt; nothing else is planned. */
  readonly adopt?: number;
  /** The guests whose work was interrupted, as far as the store knew them when the plan was made; absent without any. */
  readonly unfinished?: readonly UnfinishedGuest[];
  /** What left the flake: the paths that were named of guests before and are not all named now; absent without any. */
  readonly declared?: readonly Declared[];
  /** The volumes that were wanted data disks once and are with their guests, by VMID and place; absent without any. */
  readonly detached?: readonly Detached[];
  /** VMIDs of guests that shall run now and were wanted stopped before; absent without any. */
  readonly woken?: readonly number[];
  /** Set for a rollback: guests get retained root disks back where there are matching ones; other images are built. */
  readonly rollback?: {
    /** The one guest to roll back; absent: the whole fleet, to the commit. */
    readonly vmid?: number;
    /** The retained disks of the fleet. */
    readonly retained: readonly RetainedDisk[];
  };
}

/** The data disks of a guest that a run took out, by their places. */
export interface Detached {
  readonly vmid: number;
  readonly disks: Readonly<Record<string, string>>;
}

/** A guest that a person rolled back after the fleet's last apply, and that is still as the rollback left it. */
export interface RolledBackGuest {
  readonly vmid: number;
  readonly name: string;
  /** The run that rolled it back, and the display name of the person who asked for it. */
  readonly runId: string;
  readonly by: string;
}

/** The volumes that are attached again where the flake wants a disk at their places. */
export function detachedFrom({ detached = [] }: Goal, vmid: number): Readonly<Record<string, string>> {
  return detached.find((one) => one.vmid === vmid)?.disks ?? {};
}

/** A pending guest: a run began work on it and did not finish. */
export interface UnfinishedGuest {
  readonly vmid: number;
  /** The identity of the guest (`LiveConfig.uuid`). */
  readonly uuid: string;
  /** It ran when the run began. */
  readonly ran?: true;
  /** The volume in its root slot, and the image on it, where the store knows what the run brought there. */
  readonly root?: { readonly volid: string; readonly imageHash: string };
}

/** What the store knows of a fleet's guests. */
interface Known {
  /** VMIDs of the guests that shall run. */
  readonly running?: readonly number[];
  readonly guests?: readonly GuestFacts[];
  readonly retainedDisks?: readonly RetainedDisk[];
}

/** The goal with what the store knows of its guests. */
export function withKnown(goal: Goal, live: LiveState, known: Known): Goal {
  const atWork = withWoken(withDeclared(withUnfinished(goal, live, known), known), known);
  return withBackups(withDetached(atWork, live, known), known);
}

/** A guest that stopped by itself is a matter of the power check; one whose wish changed is started by the plan. */
function withWoken(goal: Goal, { guests }: Known): Goal {
  const woken = goal.guests.flatMap(({ vmid, power }) =>
    power === 'running' && factsOf(guests, vmid).power === 'stopped' ? [vmid] : [],
  );
  return woken.length === 0 ? goal : { ...goal, woken };
}

/** A data disk that comes back to the flake is the one that left it, as long as its volume is with the guest. */
function withDetached(goal: Goal, { guests: live }: LiveState, { guests, retainedDisks = [] }: Known): Goal {
  const detached = goal.guests.flatMap((guest): Detached[] => {
    const all = live.find(({ vmid }) => vmid === guest.vmid)?.config?.unused ?? {};
    // Proxmox gives the name of a volume that somebody deleted to the next one, which may be a root disk.
    const roots = new Set(retainedDisks.filter(({ vmid }) => vmid === guest.vmid).map(({ volid }) => volid));
    const fresh = new Set(attachedVolumes(all));
    const unused = Object.values(all).filter((volid) => !roots.has(volid) && !fresh.has(volid));
    const places = new Set(dataDisksOf(guest).map(({ at }) => at));
    const known = Object.entries(factsOf(guests, guest.vmid).detached ?? {});
    const there = known.filter(([at, volid]) => places.has(at) && unused.includes(volid));
    return there.length === 0 ? [] : [{ vmid: guest.vmid, disks: Object.fromEntries(there) }];
  });
  return detached.length === 0 ? goal : { ...goal, detached };
}

function withBackups(goal: Goal, { guests = [] }: Known): Goal {
  const declared = new Set(goal.guests.map(({ vmid }) => vmid));
  const backups = guests.flatMap(({ vmid, backup }) =>
    declared.has(vmid) || backup === undefined ? [] : [{ vmid, backup }],
  );
  return backups.length === 0 ? goal : { ...goal, backups };
}

function withDeclared(goal: Goal, { guests }: Known): Goal {
  const declared = goal.guests.flatMap((guest): Declared[] => {
    const { declared: paths = [] } = factsOf(guests, guest.vmid);
    const now = new Set(declaredBy(guest));
    return paths.every((path) => now.has(path)) ? [] : [{ vmid: guest.vmid, paths }];
  });
  return declared.length === 0 ? goal : { ...goal, declared };
}

function withUnfinished(goal: Goal, { guests }: LiveState, known: Known): Goal {
  const unfinished = goal.guests.flatMap((guest): UnfinishedGuest[] => {
    const live = guests.find(({ vmid }) => vmid === guest.vmid);
    if (live?.config?.uuid === undefined || !readTags(live.tags).pending) return [];
    const root = rootOf(guest, live.config, known);
    const ran = known.running?.includes(guest.vmid) === true;
    return [
      {
        ...{ vmid: guest.vmid, uuid: live.config.uuid },
        ...(ran ? { ran } : {}),
        ...(root === undefined ? {} : { root }),
      },
    ];
  });
  return unfinished.length === 0 ? goal : { ...goal, unfinished };
}

/** The image on a root disk, from the record made before it came to its slot, or before it was taken out once. */
function rootOf(
  { vmid, diskSlot }: DesiredGuest,
  { uuid, disks }: LiveConfig,
  { guests, retainedDisks = [] }: Known,
): UnfinishedGuest['root'] {
  const volid = disks[diskSlot]?.volid;
  if (volid === undefined) return undefined;
  const { root } = factsOf(guests, vmid);
  if (root !== undefined && root.uuid === uuid && (root.volid ?? volid) === volid) {
    return { volid, imageHash: root.imageHash };
  }
  const imageHash = retainedDisks.find(
    (disk) => disk.vmid === vmid && disk.uuid === uuid && disk.volid === volid,
  )?.imageHash;
  return imageHash === undefined ? undefined : { volid, imageHash };
}

/** The guest with the tag of the image that an interrupted run brought to its root disk, where that is known. */
export function withKnownImage(goal: Goal, { diskSlot }: DesiredGuest, live: KnownGuest): KnownGuest {
  const root = unfinishedGuest(goal, live)?.root;
  if (root === undefined || root.volid !== live.config.disks[diskSlot]?.volid) return live;
  if (readTags(live.tags).imageHash !== undefined) return live;
  return { ...live, tags: splitTags([...live.tags, `nix-${root.imageHash}`].join(';')) };
}

/** What is known of the guest's interrupted work; `undefined` for a guest that is not pending. */
export function unfinishedGuest(goal: Goal, { vmid, tags, config }: KnownGuest): UnfinishedGuest | undefined {
  if (!readTags(tags).pending) return undefined;
  return goal.unfinished?.find((one) => one.vmid === vmid && one.uuid === config.uuid);
}

/**
 * The owner fields of a fleet's goal. With several fleets each one has a tag, in lower case like all of Proxmox's tags.
 */
export function ownerOf({
  name,
  tagged,
}: {
  readonly name: string;
  readonly tagged: boolean;
}): Pick<Goal, 'fleet' | 'fleetTag'> {
  return { fleet: name, ...(tagged ? { fleetTag: name.toLowerCase() } : {}) };
}

/** The VMID of a plan for a single guest; `undefined` for a plan of the whole fleet. */
export function onlyGuest({ adopt, rollback }: Goal): number | undefined {
  return adopt ?? rollback?.vmid;
}

/** Does this guest belong to the goal's fleet? A guest without a fleet tag does only when there is a single fleet. */
export function belongsTo(goal: Pick<Goal, 'fleet' | 'fleetTag'>, tags: readonly string[]): boolean {
  const { ours, fleet } = readTags(tags);
  if (!ours) return false;
  return fleet === undefined ? goal.fleetTag === undefined : fleet === goal.fleet.toLowerCase();
}

/** The VMID of the owner of a staging guest; `undefined` when the guest is no staging guest. */
export function stagedFor({ tags, config }: LiveGuest): number | undefined {
  const { ours, pending } = readTags(tags);
  return ours && pending && config !== undefined ? stagingOwner(config.description ?? '') : undefined;
}

/**
 * Was the guest's create interrupted before its tags were written? Then it is ours without the tag. At that point a VM
 * has no disk; a container has its root file system and was never started. A guest with more than that is not ours,
 * whatever its description says.
 */
export function isCreateInterrupted({ kind, vmid, tags, status, config }: LiveGuest): boolean {
  if (config === undefined || !hasCreationMarker(vmid, tags, config.description ?? '')) return false;
  return kind === 'vm' ? hasNoDisks(config) : status !== 'running' && hasOnlyRoot(config);
}

function hasOnlyRoot({ disks, unused }: LiveConfig): boolean {
  return Object.keys(disks).every((slot) => slot === 'rootfs') && Object.keys(unused).length === 0;
}

/** Has the guest neither a disk in a slot nor an unused one? */
export function hasNoDisks(config: LiveConfig): boolean {
  return Object.keys(config.disks).length === 0 && Object.keys(config.unused).length === 0;
}

/** Do the names match? Proxmox keeps the case of names but does not distinguish by it. */
export function sameName(guest: DesiredGuest, live: LiveGuest): boolean {
  return guest.name.toLowerCase() === live.name.toLowerCase();
}

/** Was its configuration read? */
export function hasConfig(guest: LiveGuest): guest is KnownGuest {
  return guest.config !== undefined;
}
