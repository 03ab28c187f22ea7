import type { DesiredGuest, GuestKind } from './guest.ts';
import type { KnownGuest, LiveGuest, RetainedDisk } from './live.ts';
import type { FieldWord } from './settings.ts';

/** One value that differs, as text: `memory 2048 -> 4096 MiB`. */
export interface FieldChange {
  readonly field: FieldWord;
  /** Which one, where a guest has several: `pgdata (scsi1)`. */
  readonly of?: string;
  readonly from: string;
  readonly to: string;
  /** Whether Proxmox keeps the new value pending until a stop and start. */
  readonly restart: boolean;
}

/** The reason why a change is shown and never run. `advice` says what a person can do. */
export interface Blocked {
  readonly reason:
    | 'not-ours'
    | 'protected'
    | 'shrink'
    | 'storage'
    | 'unreachable'
    | 'kind'
    | 'template'
    /** HA manages the guest and is in no state to stop or start it. */
    | 'ha'
    /** The backup that shall come before it cannot be made. */
    | 'backup'
    /** The VM stands still, and the change would stop and start it. */
    | 'paused'
    | 'node'
    | 'locked'
    | 'disk'
    /** Proxmox cannot change the value of an existing guest. */
    | 'read-only'
    /** Images cannot be uploaded for the node. */
    | 'images'
    /** The VM wants more CPUs than its node has. */
    | 'cpus'
    /** The guest wants more memory than its node has in all. */
    | 'memory'
    /** The guest has no retained disk to roll back to. */
    | 'nothing-retained'
    /** The guest that replaces it under another VMID is blocked. */
    | 'successor'
    /** The image does not boot with the firmware of the new guest. */
    | 'firmware';
  readonly advice: string;
}

interface ChangeBase {
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  /** The storage of the backup that comes before its first write; absent: there is none. */
  readonly backupTo?: string;
  readonly blocked?: Blocked;
}

/** Creates a wanted guest whose VMID is free. */
export interface CreateChange extends ChangeBase {
  readonly action: 'create';
  readonly guest: DesiredGuest;
}

/** A change of a guest of ours that is not destroyed. */
interface OfKnownGuest extends ChangeBase {
  /** Volumes that an interrupted run attached and never swapped in: they are deleted. */
  readonly orphanVolumes?: readonly string[];
  /** HA holds it stopped, as somebody wants it: the change does not start it. */
  readonly heldStopped?: true;
}

/** Changes settings; the content of the root disk stays. */
export interface UpdateChange extends OfKnownGuest {
  readonly action: 'update';
  readonly guest: DesiredGuest;
  readonly live: KnownGuest;
  readonly fields: readonly FieldChange[];
  /** It is stopped, and ran before an interrupted apply or was wanted stopped until now: it is started. */
  readonly start?: true;
  /** The wanted image is on its root disk since an interrupted create or replace: it is started and judged. */
  readonly finishes?: true;
}

/**
 * Swaps the root disk for one with another image; `fields` are changed along with it. `incomplete`: an interrupted run
 * left a guest without any disk, which is created anew.
 */
export interface ReplaceChange extends OfKnownGuest {
  readonly action: 'replace';
  readonly guest: DesiredGuest;
  readonly live: KnownGuest;
  readonly fields: readonly FieldChange[];
  /** Store hash of the image on the current root disk; absent when no tag names it. */
  readonly fromImage?: string;
  readonly toImage: string;
  readonly incomplete: boolean;
}

/**
 * Puts back a retained root disk with the data it had; nothing is built. `fields` are changed along with it; there are
 * none when only this guest is rolled back.
 */
export interface RollbackChange extends OfKnownGuest {
  readonly action: 'rollback';
  readonly guest: DesiredGuest;
  readonly live: KnownGuest;
  readonly fields: readonly FieldChange[];
  /** Store hash of the image on the current root disk; absent when no tag names it. */
  readonly fromImage?: string;
  /** The retained disk to put back; absent only when there is none and the change is blocked. */
  readonly to?: RetainedDisk;
}

/** Deletes a guest of ours that is no longer wanted, with its disks. */
export interface DestroyChange extends ChangeBase {
  readonly action: 'destroy';
  readonly live: LiveGuest;
  /** The new VMID of a guest that has another vm_id in the flake now. */
  readonly movedTo?: number;
}

/**
 * Deletes what an interrupted replace of `ownerVmid` left: its staging guest, or, when nothing else of the guest
 * changes, the volumes in `orphanVolumes`.
 */
export interface CleanUpChange extends OfKnownGuest {
  readonly action: 'clean-up';
  readonly live: KnownGuest;
  readonly ownerVmid: number;
}

/** The VMID of a wanted guest belongs to a guest that is not ours or cannot be read. Always blocked. */
export interface ConflictChange extends ChangeBase {
  readonly action: 'conflict';
  readonly guest: DesiredGuest;
  readonly live: LiveGuest;
  readonly blocked: Blocked;
}

/** Adopts a wanted guest that is not ours: writes its tags and nothing else. */
export interface AdoptChange extends ChangeBase {
  readonly action: 'adopt';
  readonly guest: DesiredGuest;
  readonly live: LiveGuest;
  /** The tags after the adoption. */
  readonly tags: string;
  /** The change that the next plan would make to the guest; absent when there is none. */
  readonly next?: UpdateChange | ReplaceChange;
}

/** One change of a plan: the planned work on one guest. */
export type Change =
  | CreateChange
  | UpdateChange
  | ReplaceChange
  | RollbackChange
  | DestroyChange
  | CleanUpChange
  | ConflictChange
  | AdoptChange;

/** The changes in the order in which an apply works on them: by `order` and VMID, destroys last. */
export function inRunOrder(changes: readonly Change[]): readonly Change[] {
  const order = (change: Change) => ('guest' in change ? change.guest.order : 0);
  const last = (change: Change) => Number(change.action === 'destroy');
  return changes.toSorted((a, b) => last(a) - last(b) || order(a) - order(b) || a.vmid - b.vmid);
}

/** The kind of the guest that the change is for. */
export function kindOf(change: Change): GuestKind {
  return 'guest' in change ? change.guest.kind : change.live.kind;
}

/**
 * The slot of a running VM's root disk that is not in the VM's boot order: the VM is stopped for the swap, because Proxmox
 * would pull such a disk out of it. `undefined`: the disk is swapped with one restart.
 */
export function unbootedSlot({ guest, live }: ReplaceChange | RollbackChange): string | undefined {
  if (live.kind !== 'vm' || live.status !== 'running' || live.config.disks[guest.diskSlot] === undefined)
    return undefined;
  return live.config.boot.includes(guest.diskSlot) ? undefined : guest.diskSlot;
}

type WithFields = UpdateChange | ReplaceChange | RollbackChange;

/**
 * The fields that no root disk brings along: the size and the storage of a new one are those that it is made with, and the
 * tags are written when all is done.
 */
export function settingFields({ action, fields }: WithFields): readonly FieldChange[] {
  if (action === 'update') return fields;
  return fields.filter(({ field }) => field !== 'disk' && field !== 'storage' && field !== 'tags');
}

/** Does the change make, take out, move, grow or set data disks, or set options of the root disk? */
export function changesDataDisks({ fields }: WithFields): boolean {
  return fields.some(({ field }) => field === 'data-disk' || field === 'mount' || field === 'disk-options');
}

/** Does the change move the EFI disk or the TPM state to another storage? */
export function movesFirmware({ fields }: WithFields): boolean {
  return fields.some(
    ({ field, of, from }) => (field === 'tpm' && of === 'storage') || (field === 'efi-disk' && from !== 'none'),
  );
}

/** Does the update start a guest that an interrupted apply left behind? */
export function startsGuest({ start, finishes, heldStopped }: UpdateChange): boolean {
  return (start === true || finishes === true) && heldStopped !== true;
}

/** Does the guest run when a change of its root disk is done? One that HA holds stopped is left as it is. */
export function endsRunning({ guest: { power }, live, heldStopped }: ReplaceChange | RollbackChange): boolean {
  if (heldStopped) return false;
  return power === 'running' || (power === 'unmanaged' && live.status === 'running');
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
