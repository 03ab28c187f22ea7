import { backupNotes } from './backup.ts';
import {
  type Change,
  type CreateChange,
  changesDataDisks,
  endsRunning,
  inRunOrder,
  kindOf,
  movesFirmware,
  type ReplaceChange,
  type RollbackChange,
  requiresRestart,
  settingFields,
  startsGuest,
  type UpdateChange,
  unbootedSlot,
} from './change.ts';
import { dataDisksOf, disksToDetach } from './data-disk-changes.ts';
import { declaredBefore } from './declared.ts';
import { withLiveSettings } from './diff.ts';
import { detachedFrom, type Goal, onlyGuest } from './goal.ts';
import { type DesiredGuest, type GuestRef, type Image, imageHash } from './guest.ts';
import type { HealthCheck } from './health.ts';
import type { LiveDisk } from './live.ts';
import { type Plan, runnable } from './plan.ts';
import { rolledBackTo } from './retained-disks.ts';
import { managedPart } from './settings.ts';
import { finalTags, pendingTags, updatingTags } from './tags.ts';

/**
 * One operation on one guest, as data; `Cluster.perform` carries it out. The steps of a guest run in order. The result
 * of every step can be read from the live configuration, so a step may be repeated when an answer was lost.
 */
export type StepSpec = GuestRef & StepWork;

type StepWork =
  /**
   * Creates the guest with its settings and the given tags: a VM without a root disk, a container with the root of its
   * image. Refused when the VMID is taken.
   */
  | { readonly kind: 'create'; readonly guest: DesiredGuest; readonly tags: string }
  /** Copies the image into the VM's empty root slot, which becomes the boot disk. */
  | { readonly kind: 'import'; readonly guest: DesiredGuest }
  /** Grows the root disk to `diskGb`; does nothing when it has that size. */
  | { readonly kind: 'resize'; readonly guest: DesiredGuest }
  /** Starts a stopped guest; does nothing when it runs. */
  | { readonly kind: 'start' }
  /** Writes every setting that differs, with the given tags, in one call with the digest. */
  | { readonly kind: 'configure'; readonly guest: DesiredGuest; readonly tags: string }
  /** Moves the root disk to another storage; online when the guest runs. */
  | { readonly kind: 'move-disk'; readonly guest: DesiredGuest }
  /**
   * Moves the EFI disk and the TPM state to the storage of the root disk. A running VM is shut down for the state of a TPM,
   * and the step `start` starts it again.
   */
  | { readonly kind: 'move-firmware'; readonly guest: DesiredGuest }
  /**
   * Makes the data disks as wanted: takes out those at the places `detach`, which stay with the guest as unused volumes,
   * attaches the unused volumes `attach` at their places, makes each other missing disk once, moves, grows and sets the others. What a running guest does not take or let go waits for
   * its restart.
   */
  | {
      readonly kind: 'data-disks';
      readonly guest: DesiredGuest;
      readonly detach: readonly string[];
      readonly attach: Readonly<Record<string, string>>;
    }
  /** Puts data disks, and the state of a TPM, back into the slots where they were, with their options; others stay. */
  | { readonly kind: 'restore-disks'; readonly disks: Readonly<Record<string, LiveDisk>> }
  /** Reboots a running guest that has pending changes, so that they take effect; otherwise does nothing. */
  | { readonly kind: 'restart' }
  /**
   * Backs the guest up to the storage, before anything of it is changed. Ends with the guest as it was and without the lock
   * of the backup. `notes`: one line, in which Proxmox replaces `{{guestname}}`.
   */
  | { readonly kind: 'backup'; readonly storage: string; readonly notes: string }
  /** Makes a staging guest with the new root disk, while the guest itself goes on running. */
  | { readonly kind: 'prepare'; readonly guest: DesiredGuest }
  /** Attaches the new disk to the guest as an unused volume, and deletes the staging guest. */
  | { readonly kind: 'attach'; readonly guest: DesiredGuest }
  /**
   * Makes another disk the root disk, pending while the guest runs; the old one stays as an unused volume. `volid`: an
   * unused volume of the guest; absent: the disk that was attached last.
   */
  | { readonly kind: 'swap'; readonly guest: DesiredGuest; readonly tags: string; readonly volid?: string }
  /**
   * Makes the old root disk the root disk again, pending while the guest runs; the new one stays as an unused volume.
   * `volid`: the old disk, from the basis of the plan.
   */
  | { readonly kind: 'rollback'; readonly guest: DesiredGuest; readonly volid: string }
  /** Writes the final tags, and protection when the flake sets it. It is the last step of a guest. */
  | { readonly kind: 'finish'; readonly guest: DesiredGuest; readonly tags: string }
  /** Adopts a guest: writes its tags and nothing else. */
  | { readonly kind: 'adopt'; readonly tags: string }
  | { readonly kind: 'stop' }
  /** Shuts a running guest down, as its operating system does it; one that does not shut down in time is stopped. */
  | { readonly kind: 'shutdown' }
  /** Moves the guest to the wanted pool; does nothing when it is in it. */
  | { readonly kind: 'pool'; readonly guest: DesiredGuest }
  /** Deletes the guest with its disks; succeeds when it is gone already. */
  | { readonly kind: 'destroy' }
  /** Deletes an incomplete guest. `vmid` is the guest itself, or with `staging` the owner of the staging guest. */
  | { readonly kind: 'discard'; readonly staging: boolean }
  /** Deletes unused volumes of the guest. A missing volume counts as deleted, an attached volume is refused. */
  | { readonly kind: 'free'; readonly volids: readonly string[] };

/** A step of an apply. `id` is unique in a run and readable: `823 import`. */
export type Step = { readonly id: string } & (
  | { readonly kind: 'build'; readonly images: readonly Image[] }
  | { readonly kind: 'upload'; readonly image: Image; readonly node: string }
  | ({ readonly name: string } & StepSpec)
  /** Checks the health of the guest after its start. Writes nothing. */
  | ({ readonly kind: 'health'; readonly name: string; readonly guest: DesiredGuest } & GuestRef)
);

/** A step that changes a guest. */
export type GuestStep = Extract<Step, StepSpec>;

/**
 * The steps of an apply, in the order in which they run: builds and uploads first (a broken build changes nothing),
 * then creates, updates and replaces by `order` and VMID, destroys last. Blocked changes have none.
 */
export function planSteps(plan: Plan): readonly Step[] {
  const changes = inRunOrder(runnable(plan));
  return [...imageSteps(changes), ...changes.flatMap((change) => [...guestSteps(plan, change)])];
}

function* imageSteps(changes: readonly Change[]): Generator<Step> {
  const needed = changes.filter((change) => change.action === 'create' || change.action === 'replace');
  const images = new Map(needed.map(({ guest }) => [guest.image.storePath, guest.image]));
  if (images.size === 0) return;
  yield { id: 'build', kind: 'build', images: [...images.values()] };
  const targets = new Map(needed.map(({ guest, node }) => [`${guest.image.storePath} ${node}`, { guest, node }]));
  for (const { guest, node } of targets.values()) {
    yield { id: `upload ${imageHash(guest.image).slice(0, 8)} ${node}`, kind: 'upload', image: guest.image, node };
  }
}

/** Makes the fields that all steps of one guest share. */
type At = <Kind extends StepSpec['kind'] | 'health'>(kind: Kind) => GuestRef & { id: string; kind: Kind; name: string };

function* guestSteps(plan: Plan, change: Change): Generator<Step> {
  const { vmid, name, node } = change;
  const guestKind = kindOf(change);
  const at: At = (kind) => ({ id: `${vmid} ${kind}`, kind, guestKind, vmid, name, node });
  if (change.action === 'conflict') return;
  if (change.backupTo !== undefined) {
    yield { ...at('backup'), storage: change.backupTo, notes: backupNotes(plan.goal.commit) };
  }
  if (change.action === 'destroy') {
    yield at('stop');
    yield at('destroy');
    return;
  }
  if (change.action === 'clean-up') {
    if (change.orphanVolumes === undefined) yield { ...at('discard'), vmid: change.ownerVmid, staging: true };
    else yield { ...at('free'), volids: change.orphanVolumes };
    return;
  }
  if (change.action === 'adopt') {
    yield { ...at('adopt'), tags: change.tags };
    return;
  }
  const { guest } = change;
  const live = change.action === 'create' ? [] : change.live.tags;
  const working = pendingTags(live, plan.goal.fleetTag, guest.tags);
  if (change.action === 'update') yield* updateSteps(plan, managed(change), at);
  else if (change.action === 'replace' && !change.incomplete) yield* replaceSteps(plan, managed(change), at, working);
  else if (change.action === 'rollback') yield* rollbackSteps(plan, managed(change), at, working);
  else {
    if (change.action === 'replace') yield { ...at('discard'), staging: false };
    yield { ...at('create'), guest, tags: working };
    // The create call of a container makes its root file system in the final size.
    if (guest.kind === 'vm') {
      yield { ...at('import'), guest };
      yield { ...at('resize'), guest };
    }
    if (dataDisksOf(guest).length > 0) yield { ...at('data-disks'), guest, detach: [], attach: {} };
    if (guest.power === 'running') {
      yield at('start');
      yield { ...at('health'), guest };
    }
  }
  // Volumes are deleted before protection is set, because Proxmox deletes nothing of a protected guest.
  const orphanVolumes = change.action === 'create' ? undefined : change.orphanVolumes;
  if (orphanVolumes !== undefined) yield { ...at('free'), volids: orphanVolumes };
  yield { ...at('finish'), guest, tags: tagsAfter(plan.goal, change) };
}

/** The tags that a guest has when the work on it is done. */
export function tagsAfter(
  { commit, fleetTag }: Pick<Goal, 'commit' | 'fleetTag'>,
  change: CreateChange | UpdateChange | ReplaceChange | RollbackChange,
): string {
  const { guest } = change;
  const planned = { imageHash: imageHash(guest.image), commit: commit.sha };
  const done = change.action === 'rollback' ? rolledBackTo(change, planned) : planned;
  const live = change.action === 'create' ? [] : change.live.tags;
  return finalTags(live, fleetTag === undefined ? done : { ...done, fleet: fleetTag }, guest.tags);
}

/** The change of an existing guest, of which nothing is written that the flake ignores. */
function managed<One extends UpdateChange | ReplaceChange | RollbackChange>(change: One): One {
  return { ...change, guest: managedPart(change.guest) };
}

/** The disks, as far as they differ; the root's own where it is not swapped. */
function* diskSteps(plan: Plan, change: UpdateChange | ReplaceChange | RollbackChange, at: At): Generator<Step> {
  const { guest, live, vmid } = change;
  if (movesFirmware(change)) yield { ...at('move-firmware'), guest };
  // A disk with an option that waits for the restart is not moved, so the root goes before its options.
  if (change.action === 'update') {
    if (change.fields.some(({ field }) => field === 'storage')) yield { ...at('move-disk'), guest };
    if (change.fields.some(({ field }) => field === 'disk')) yield { ...at('resize'), guest };
  }
  if (!changesDataDisks(change)) return;
  const detach = disksToDetach(guest, live, declaredBefore(plan.goal.declared, vmid));
  yield { ...at('data-disks'), guest, detach, attach: detachedFrom(plan.goal, vmid) };
}

function* updateSteps(plan: Plan, change: UpdateChange, at: At): Generator<Step> {
  const { guest, fields } = change;
  yield* settingSteps(change, at);
  yield* diskSteps(plan, change, at);
  if (fields.some(({ field }) => field === 'power') && change.live.status === 'running') {
    yield at('shutdown');
    return;
  }
  // A VM is shut down for the move of its TPM state.
  const starts = startsGuest(change) || (movesFirmware(change) && requiresRestart(change));
  // A swap that was written before the interruption takes effect at this restart.
  if (change.finishes || fields.some((field) => field.restart)) yield at('restart');
  if (starts) yield at('start');
  if (starts || requiresRestart(change)) yield { ...at('health'), guest };
}

function* replaceSteps(plan: Plan, change: ReplaceChange, at: At, tags: string): Generator<Step> {
  const { guest } = change;
  yield { ...at('prepare'), guest };
  yield { ...at('attach'), guest };
  // Until the swap the tags keep the old image, so that an apply interrupted here can still be rolled back.
  yield* settingSteps(change, at);
  // The new image may need its disks at its first start.
  yield* diskSteps(plan, change, at);
  yield { ...at('swap'), guest, tags };
  yield* bootSteps(change, at, guest);
}

function* rollbackSteps(plan: Plan, change: RollbackChange, at: At, tags: string): Generator<Step> {
  const { guest, to } = change;
  if (to === undefined) return;
  yield* settingSteps(change, at);
  yield* diskSteps(plan, change, at);
  yield { ...at('swap'), guest, tags, volid: to.volid };
  // The commit of a fleet's rollback is that of the old image; a guest that goes back alone leaves its commit.
  yield* bootSteps(change, at, onlyGuest(plan.goal) === undefined ? guest : withHealth(guest, to.health));
}

/**
 * Writes the settings, and the pool, which is none of them in Proxmox. Before a VM is stopped for its swap it gets the tag
 * of a guest at work: when the bot is killed then, the next plan knows that the VM ran.
 */
function* settingSteps(change: UpdateChange | ReplaceChange | RollbackChange, at: At): Generator<Step> {
  const { guest, live, fields } = change;
  if (change.action === 'update' || settingFields(change).length > 0) {
    yield { ...at('configure'), guest, tags: updatingTags(live.tags, guest.tags) };
  } else if (unbootedSlot(change) !== undefined) {
    // A rollback of one guest leaves its settings alone.
    yield { ...at('configure'), guest: withLiveSettings(guest, live), tags: updatingTags(live.tags) };
  }
  if (fields.some(({ field }) => field === 'pool')) yield { ...at('pool'), guest };
}

/** Brings a guest up on its new root disk, and judges it by the check of `judged`; one that shall not run stays down. */
function* bootSteps(change: ReplaceChange | RollbackChange, at: At, judged: DesiredGuest): Generator<Step> {
  if (!endsRunning(change)) {
    if (change.live.status === 'running') yield at('shutdown');
    return;
  }
  yield at('restart');
  yield at('start');
  yield { ...at('health'), guest: judged };
}

/** The guest judged by another check; without one by the default rule. */
export function withHealth(guest: DesiredGuest, health: HealthCheck | undefined): DesiredGuest {
  const { health: _, ...rest } = guest;
  return health === undefined ? rest : { ...rest, health };
}
