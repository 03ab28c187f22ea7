import {
  type AdoptChange,
  type Blocked,
  type Change,
  endsRunning,
  type FieldChange,
  kindOf,
  requiresRestart,
  startsGuest,
} from './change.ts';
import { dataDiskProblem, pendingAdvice } from './data-disk-changes.ts';
import { largerDisk } from './diff.ts';
import type { Goal } from './goal.ts';
import { isCreateInterrupted, sameName } from './goal.ts';
import { type ContainerSpec, type DesiredGuest, guestLabel, type Image } from './guest.ts';
import { lockedAdvice, pausedAdvice, protectedAdvice } from './guest-ref.ts';
import { haProblem } from './ha.ts';
import type { KnownGuest, LiveGuest } from './live.ts';
import { readTags } from './tags.ts';

const kindWords = { vm: 'VM', container: 'container' } as const;

/** The reason why the guest under a wanted VMID must not be changed; `undefined` when it may be. */
export function conflictWith(goal: Goal, guest: DesiredGuest, live: LiveGuest): Blocked | undefined {
  const who = `VMID ${live.vmid} is`;
  if (live.kind !== guest.kind) {
    return { reason: 'kind', advice: `${who} a ${kindWords[live.kind]}. Give ${guest.key} another vm_id.` };
  }
  const { ours, fleet } = readTags(live.tags);
  // A guest that is being created has neither tags nor a description, so its owner is unknown.
  if (!ours && live.lock === 'create') {
    return { reason: 'locked', advice: lockedAdvice({ guestKind: live.kind, vmid: live.vmid }, live.lock) };
  }
  if (!ours && !isCreateInterrupted(live)) {
    return {
      reason: 'not-ours',
      advice: `${who} "${live.name}", which proxnix did not make. Give ${guest.key} another vm_id, or take it over with /proxnix adopt ${guest.name}.`,
    };
  }
  if (fleet !== undefined && fleet !== goal.fleet.toLowerCase()) {
    return { reason: 'not-ours', advice: `${who} a guest of the fleet "${fleet}". Give ${guest.key} another vm_id.` };
  }
  // A guest without a fleet tag dates from a time with a single fleet. It is taken over only when VMID and name both
  // match, and the plan shows its new tag.
  if (
    live.config !== undefined &&
    fleet === undefined &&
    goal.fleetTag !== undefined &&
    !sameName(guest, live) &&
    !isCreateInterrupted(live)
  ) {
    return {
      reason: 'not-ours',
      advice: `${who} "${live.name}", a guest of no fleet. Take it over with /proxnix adopt ${guest.name}.`,
    };
  }
  if (live.template) return { reason: 'template', advice: `${who} a template; proxnix does not change templates.` };
  return undefined;
}

/** The reason why a guest whose configuration cannot be read is not changed. */
export function unreadable(live: LiveGuest): Blocked {
  return {
    reason: 'unreachable',
    advice: `The configuration of ${guestLabel({ guestKind: live.kind, vmid: live.vmid })} on node ${live.node} cannot be read. Is the node down?`,
  };
}

/** Files that no VM is made of: archives, other formats of disks, and everything compressed (nixpkgs, nixos/modules/image). */
const noDisk = /\.(?:vma|vmdk|vdi|vhdx?|ova|ovf|iso|squashfs|tar|tgz|box)$|\.(?:xz|zst|gz|bz2|lz4|lzo|zip|7z)$/i;
/** Templates that Proxmox VE unpacks in every version, by their names. */
const template = /\.tar\.(?:xz|zst|gz|bz2)$/;
/** Attributes of `config.system.build` whose output is never a disk image, or never a tarball, whatever its file is. */
const neverDisk = new Set(['toplevel', 'vm', 'vmWithBootLoader', 'isoImage', 'VMA', 'virtualBoxOVA', 'tarball']);
const neverTarball = new Set(['toplevel', 'vm', 'vmWithBootLoader', 'isoImage', 'VMA', 'virtualBoxOVA', 'qcow2']);

/** Why an image cannot become a guest's root, as far as evaluation tells; `undefined` when nothing speaks against it. */
export function imageProblem({ kind, attr, file }: Image): string | undefined {
  const last = /[^.]{0,63}$/.exec(attr)?.[0] ?? '';
  const isVm = kind === 'vm';
  const isWrong =
    file === undefined ? (isVm ? neverDisk : neverTarball).has(last) : isVm ? noDisk.test(file) : !template.test(file);
  if (!isWrong) return undefined;
  const what = file === undefined ? `the attribute ${attr} makes` : `${attr} makes ${file},`;
  const takes = isVm
    ? 'a VM is made of a qcow2 or raw disk that is not compressed: choose another IMAGE_ATTRIBUTE or IMAGE_FILE'
    : 'a container is made of a .tar.xz, .tar.zst, .tar.gz or .tar.bz2: choose another CONTAINER_ATTRIBUTE or CONTAINER_FILE';
  return `${what} no image that can be used: ${takes}.`.replace(/^the/, 'The');
}

/**
 * The reason why a guest is not created under a VMID that a guest outside of the token's rights has. Rights on it would
 * end the token's confinement, so another VMID is the advice.
 */
export function hiddenGuest({ vmid, key }: Pick<DesiredGuest, 'vmid' | 'key'>): Blocked {
  return {
    reason: 'not-ours',
    advice: `VMID ${vmid} is taken by a guest that the token cannot see, outside of its pool. Give ${key} another vm_id; if an interrupted create left it (lock create), root removes it on its node.`,
  };
}

/** A change of an existing guest whose configuration was read. */
export type Touching = Exclude<Change, { action: 'create' | 'conflict' }> & { readonly live: KnownGuest };

/** Blocks the change when it must not run. */
export function blockIfNeeded(change: Touching): Change {
  if (change.blocked !== undefined) return change;
  const blocked = blockOf(change);
  return blocked === undefined ? change : { ...change, blocked };
}

/** The first reason why a change must not run; `undefined` when it may. */
export function blockOf(change: Touching): Blocked | undefined {
  const { live, vmid } = change;
  const label = guestLabel({ guestKind: kindOf(change), vmid });
  const guest = 'guest' in change ? change.guest : undefined;
  const protection = protectedBy(change, guest);
  if (protection !== undefined) return { reason: 'protected', advice: protection };
  if (live.template) return { reason: 'template', advice: `${label} is a template; proxnix does not touch templates.` };
  if (live.lock !== undefined) {
    return { reason: 'locked', advice: lockedAdvice({ guestKind: live.kind, vmid }, live.lock) };
  }
  if (live.haState !== undefined && changesPower(change)) {
    const advice = haProblem({ guestKind: live.kind, vmid }, live.haState, { starts: needsStart(change) });
    if (advice !== undefined) return { reason: 'ha', advice };
  }
  if (live.paused !== undefined && change.action !== 'destroy' && changesPower(change)) {
    const { message, next } = pausedAdvice({ guestKind: live.kind, vmid, node: live.node }, live.paused);
    return { reason: 'paused', advice: `${message} ${next}` };
  }
  // A staging container has no network card and is recognised by its description.
  if (live.kind === 'container' && live.config.uuid === undefined && change.action !== 'clean-up') {
    return {
      reason: 'not-ours',
      advice: `${label} has no net0 with a MAC address, by which proxnix knows a container. Add one in Proxmox.`,
    };
  }
  const boots = guest === undefined ? undefined : otherRoot(guest, live);
  if (guest !== undefined && boots !== undefined) {
    return {
      reason: 'disk',
      advice: `${label} boots from ${boots}, and the disk at ${guest.diskSlot} is another one: it would be replaced with its data. Set disk_slot = "${boots}", or put ${guest.diskSlot} into the boot order in Proxmox.`,
    };
  }
  const larger = change.action === 'update' ? largerDisk(change.guest, live) : undefined;
  if (larger !== undefined) {
    const advice = `Proxmox cannot make a disk smaller, and this one has ${Number(larger.toFixed(2))} GiB. Set disk_gb = ${Math.ceil(larger)}, or change the image as well: a new root disk has the size of the flake.`;
    return { reason: 'shrink', advice };
  }
  const disks = guest !== undefined && differsInDisks(change) ? dataDiskProblem(guest, live) : undefined;
  if (disks !== undefined) return disks;
  if (change.action === 'update' && guest?.kind === 'vm' && differs(change, 'storage')) {
    const waits = live.config.waiting?.[guest.diskSlot] !== undefined;
    if (waits) return { reason: 'disk', advice: pendingAdvice(label, guest.diskSlot) };
  }
  const madeAnew = change.action === 'replace' && (readTags(live.tags).pending || isCreateInterrupted(live));
  if (guest !== undefined && !hasRootDisk(guest, live) && !madeAnew) {
    const disks = Object.keys(live.config.disks).join(', ') || 'none';
    return {
      reason: 'disk',
      advice: `There is no disk at ${guest.diskSlot} (its disks: ${disks}). Attach the root disk there in Proxmox, or correct disk_slot.`,
    };
  }
  if (guest !== undefined && differs(change, 'node')) {
    return {
      reason: 'node',
      advice: `It lives on ${live.node}. Migrate it to ${guest.node} in Proxmox, or change node.`,
    };
  }
  if (change.action === 'update' && guest?.kind === 'container' && differs(change, 'storage')) {
    return { reason: 'storage', advice: moveRootAdvice(guest) };
  }
  if (guest?.kind === 'container' && changesIdentity(guest, live)) {
    return {
      reason: 'read-only',
      advice: `proxnix knows a container by the MAC address of net0, which is ${live.config.uuid ?? 'unknown'}: write that one, or leave mac out.`,
    };
  }
  if (guest?.kind === 'container' && differs(change, 'unprivileged')) {
    return {
      reason: 'read-only',
      advice: `Proxmox cannot change unprivileged of a container. Set it back, or give ${guest.key} another vm_id.`,
    };
  }
  return undefined;
}

/** PVE moves volumes of a container only while it is stopped, and proxnix never stops a guest for that. */
export function moveRootAdvice({ vmid, storage }: Pick<ContainerSpec, 'vmid' | 'storage'>): string {
  const commands = `pct shutdown ${vmid} && pct move-volume ${vmid} rootfs ${storage} --delete 1 && pct start ${vmid}`;
  return `The root of a container is moved only while it is stopped: on its node root can \`${commands}\`. Or change the image as well: a new root is made on ${storage}.`;
}

function changesIdentity({ networks }: ContainerSpec, { config }: KnownGuest): boolean {
  const wanted = networks?.[0]?.mac;
  return wanted !== undefined && wanted !== config.uuid?.toUpperCase();
}

/** Does the change stop or start its guest? */
function changesPower(change: Touching): boolean {
  if (change.action === 'update' && startsGuest(change)) return true;
  return ['replace', 'rollback', 'destroy'].includes(change.action) || requiresRestart(change);
}

/** Does the change need a start of its guest? */
function needsStart(change: Touching): boolean {
  if (change.action === 'replace' || change.action === 'rollback') return endsRunning(change);
  return change.action === 'update' && (startsGuest(change) || requiresRestart(change));
}

function differsInDisks(change: Touching): boolean {
  return differs(change, 'data-disk') || differs(change, 'mount');
}

function differs(change: Touching, field: FieldChange['field']): boolean {
  return 'fields' in change && change.fields.some((one) => one.field === field);
}

/** The advice when protection, in Proxmox or in the flake, forbids the change; `undefined` when it does not. */
export function protectedBy(change: Touching, guest: DesiredGuest | undefined): string | undefined {
  const { live, vmid } = change;
  if (live.config.protected) return protectedAdvice({ guestKind: live.kind, vmid });
  if (guest?.protected !== true) return undefined;
  // An unfinished guest is not protected yet: the flake asks for protection of the finished guest.
  if (readTags(live.tags).pending || isCreateInterrupted(live)) return undefined;
  const onlyProtects = change.action === 'update' && change.fields.every((field) => field.field === 'protected');
  const label = guestLabel({ guestKind: live.kind, vmid });
  return onlyProtects ? undefined : `The flake says protected = true. Set it to false to let proxnix change ${label}.`;
}

/** Is there a disk in the slot of the root disk that the flake names? */
export function hasRootDisk(guest: DesiredGuest, live: KnownGuest): boolean {
  return live.config.disks[guest.diskSlot] !== undefined;
}

/** The disk that a VM boots from, where the one in the slot of the root disk is not in its boot order. */
function otherRoot({ diskSlot }: DesiredGuest, { kind, config }: KnownGuest): string | undefined {
  if (kind !== 'vm' || !('boot' in config) || config.boot.includes(diskSlot)) return undefined;
  return config.disks[diskSlot] === undefined
    ? undefined
    : config.boot.find((slot) => config.disks[slot] !== undefined);
}

/** The fleet that adopts a guest. */
interface Owner {
  readonly fleet: string;
}

/**
 * The change that adopts a guest.
 * @param tags the guest's tags after the adoption
 * @param next the change that a later plan would make to the guest
 */
export function adoptChange(
  owner: Owner,
  guest: DesiredGuest,
  live: LiveGuest,
  { tags, next }: { readonly tags: string; readonly next: Change | undefined },
): AdoptChange {
  const { vmid, name } = guest;
  const base = { action: 'adopt', vmid, name, node: live.node, guest, live, tags } as const;
  const blocked = refusalOf(owner, guest, live);
  if (blocked !== undefined) return { ...base, blocked };
  return next?.action === 'update' || next?.action === 'replace' ? { ...base, next } : base;
}

function refusalOf(owner: Owner, guest: DesiredGuest, live: LiveGuest): Blocked | undefined {
  const { vmid, config } = live;
  const label = guestLabel({ guestKind: live.kind, vmid });
  if (live.kind !== guest.kind)
    return {
      reason: 'kind',
      advice: `VMID ${vmid} is a ${live.kind === 'vm' ? 'VM' : 'container'}. Give ${guest.key} another vm_id.`,
    };
  const { fleet } = readTags(live.tags);
  if (fleet !== undefined && fleet !== owner.fleet.toLowerCase()) {
    return { reason: 'not-ours', advice: `${label} is a guest of the fleet "${fleet}".` };
  }
  if (live.template)
    return { reason: 'template', advice: `${label} is a template; proxnix does not manage templates.` };
  if (live.lock !== undefined) {
    return { reason: 'locked', advice: `${label} is locked (${live.lock}). Ask again when that is over.` };
  }
  if (config === undefined) {
    return {
      reason: 'unreachable',
      advice: `The configuration of ${label} on node ${live.node} cannot be read. Is the node down?`,
    };
  }
  if (config.protected) return { reason: 'protected', advice: protectedAdvice({ guestKind: live.kind, vmid }) };
  if (guest.protected) {
    const advice = `The flake says protected = true. Set it to false to let proxnix take ${label} over.`;
    return { reason: 'protected', advice };
  }
  if (config.uuid === undefined) {
    return {
      reason: 'not-ours',
      advice:
        live.kind === 'vm'
          ? `${label} has no SMBIOS UUID, by which proxnix knows a machine. Set one in Proxmox.`
          : `${label} has no net0 with a MAC address, by which proxnix knows a container. Add one in Proxmox.`,
    };
  }
  return undefined;
}
