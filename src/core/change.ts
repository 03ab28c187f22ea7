import type { DesiredGuest, GuestKind } from './guest.ts';
import type { KnownGuest, LiveGuest, RetainedDisk } from './live.ts';
import type { FieldWord } from './settings.ts';

/** One value that differs, as people read it: `memory 2048 -> 4096 MiB`. */
export interface FieldChange {
  readonly field: FieldWord;
  readonly from: string;
  readonly to: string;
  /** Proxmox keeps it pending until a stop and start. */
  readonly restart: boolean;
}

/** Why a change is shown and never run. `advice` says what a person can do. */
export interface Blocked {
  readonly reason:
    | 'not-ours'
    | 'protected'
    | 'shrink'
    | 'storage'
    | 'unreachable'
    | 'kind'
    | 'template'
    | 'node'
    | 'locked'
    | 'disk'
    /** Proxmox can never change it. */
    | 'read-only'
    /** Images cannot be brought to the node. */
    | 'images'
    /** No disk is kept that it could be rolled back to. */
    | 'nothing-retained'
    /** The guest that takes its place under another VMID cannot be made. */
    | 'successor';
  readonly advice: string;
}

interface ChangeBase {
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  readonly blocked?: Blocked;
}

/** A guest that is wanted and whose VMID is free. */
export interface CreateChange extends ChangeBase {
  readonly action: 'create';
  readonly guest: DesiredGuest;
}

/** A change to a guest of ours that goes on living. */
interface OfKnownGuest extends ChangeBase {
  /** Volumes that were handed over to it and never swapped in, because a run was cut off: they are deleted. */
  readonly orphanVolumes?: readonly string[];
}

/** Changes that leave the root disk as it is. */
export interface UpdateChange extends OfKnownGuest {
  readonly action: 'update';
  readonly guest: DesiredGuest;
  readonly live: KnownGuest;
  readonly fields: readonly FieldChange[];
}

/**
 * Another image: the root disk is swapped. `fields` run along. `incomplete`: an interrupted run left a guest without any
 * disk; it is made anew.
 */
export interface ReplaceChange extends OfKnownGuest {
  readonly action: 'replace';
  readonly guest: DesiredGuest;
  readonly live: KnownGuest;
  readonly fields: readonly FieldChange[];
  /** Store hashes; absent when no tag tells what the disk holds. */
  readonly fromImage?: string;
  readonly toImage: string;
  readonly incomplete: boolean;
}

/**
 * Back to a root disk that an earlier replacement took out and that is still kept: nothing is built, the disk comes back
 * with the data it had. `fields` run along; none where only this guest is rolled back.
 */
export interface RollbackChange extends OfKnownGuest {
  readonly action: 'rollback';
  readonly guest: DesiredGuest;
  readonly live: KnownGuest;
  readonly fields: readonly FieldChange[];
  /** Store hash of the image that its root disk holds now, where a tag tells. */
  readonly fromImage?: string;
  /** Absent only when the change is blocked because there is none. */
  readonly to?: RetainedDisk;
}

/** Ours and no longer wanted: its disks are deleted. */
export interface DestroyChange extends ChangeBase {
  readonly action: 'destroy';
  readonly live: LiveGuest;
  /** The VMID its name has in the flake now, when it was renumbered. */
  readonly movedTo?: number;
}

/**
 * What an interrupted replace of `ownerVmid` left behind: its staging guest, or with the guest itself, where nothing
 * else of it changes, the volumes in `orphanVolumes`.
 */
export interface CleanUpChange extends OfKnownGuest {
  readonly action: 'clean-up';
  readonly live: KnownGuest;
  readonly ownerVmid: number;
}

/** Wanted, but the VMID belongs to a guest that is not ours or cannot be read. Always blocked. */
export interface ConflictChange extends ChangeBase {
  readonly action: 'conflict';
  readonly guest: DesiredGuest;
  readonly live: LiveGuest;
  readonly blocked: Blocked;
}

/** Wanted, and somebody else's so far: from its tags on it is ours. Nothing else of it is touched. */
export interface AdoptChange extends ChangeBase {
  readonly action: 'adopt';
  readonly guest: DesiredGuest;
  readonly live: LiveGuest;
  /** Its tags from then on. */
  readonly tags: string;
  /** What the next plan would do to it; absent when nothing. */
  readonly next?: UpdateChange | ReplaceChange;
}

/** What a plan does to one guest. */
export type Change =
  | CreateChange
  | UpdateChange
  | ReplaceChange
  | RollbackChange
  | DestroyChange
  | CleanUpChange
  | ConflictChange
  | AdoptChange;

/** Whether it is about a VM or a container. */
export function kindOf(change: Change): GuestKind {
  return 'guest' in change ? change.guest.kind : change.live.kind;
}

/** Does running it stop a guest that runs now? */
export function requiresRestart(change: Change): boolean {
  switch (change.action) {
    case 'update':
      return change.live.status === 'running' && change.fields.some((field) => field.restart);
    case 'replace':
    case 'rollback':
      return change.live.status === 'running';
    default:
      return false;
  }
}
