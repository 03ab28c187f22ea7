import { createHash } from 'node:crypto';
import { backupProblem, storageBefore } from './backup.ts';
import { adoptChange, blockIfNeeded, conflictWith, hiddenGuest, imageProblem, unreadable } from './block.ts';
import { type Change, type FieldChange, inRunOrder } from './change.ts';
import { declaredBefore, withGoneCards } from './declared.ts';
import { diffGuest, imageDiffers } from './diff.ts';
import { firmwareBlock } from './firmware.ts';
import { canRun, tightFits, withinNode } from './fit.ts';
import {
  belongsTo,
  detachedFrom,
  type Goal,
  hasConfig,
  hasNoDisks,
  isCreateInterrupted,
  onlyGuest,
  stagedFor,
  unfinishedGuest,
  withKnownImage,
} from './goal.ts';
import { type DesiredGuest, type GuestSpec, imageHash } from './guest.ts';
import { isHeldStopped } from './ha.ts';
import type { KnownGuest, LiveGuest, LiveNode, LiveState } from './live.ts';
import { retainedDiskFor, rollbackChange } from './retained-disks.ts';
import { blockWithoutRoom, chooseStorage, disksOf, hasRoom, storagesOf, withDisk } from './room.ts';
import { adoptedTags, attachedVolumes, readTags, splitTags } from './tags.ts';

/** The difference between a goal and the live cluster. */
export interface Plan {
  /** `p-` and the first digits of the digest: what people read. */
  readonly id: string;
  /** Hash over the goal and the basis of every changed guest. An approval is for one digest. */
  readonly digest: string;
  /** The digest without the commit: equal for a push that changes no planned value. */
  readonly changesDigest: string;
  readonly goal: Goal;
  /** In the order in which people read them: destroys first, then as the run takes them. */
  readonly changes: readonly Change[];
  /** What may turn out too small while nothing refuses it, a sentence each; absent: nothing. No digest holds it. */
  readonly tight?: readonly string[];
}

/** The state of a guest that an approval rests on: it must still be the same when the guest is changed. */
interface Basis {
  readonly vmid: number;
  readonly node: string;
  readonly uuid?: string;
  readonly digest?: string;
  readonly tags: readonly string[];
}

/**
 * Compares a goal with the live cluster. Pure: the same input makes the same plan, so planning again shows whether the
 * cluster has changed.
 * @param earlier the plan that this one is compared with; new guests stay on the node that it chose
 */
export function createPlan(goal: Goal, live: LiveState, earlier?: Plan): Plan {
  const possible = wantedByHead(goal, live, earlier).map((change) =>
    withImages(withinNode(withBackup(goal, change, live), live.nodes), live.nodes),
  );
  const changes = blockWithoutRoom(possible, live.nodes);
  const stagedOn = new Map(changes.filter(stagesAnew).map((change) => [change.vmid, change.node]));
  const needed = changes
    .filter(
      (change) =>
        change.action !== 'clean-up' ||
        change.orphanVolumes !== undefined ||
        stagedOn.get(change.ownerVmid) !== change.node,
    )
    .map((change) => blockUntilSuccessor(change, changes));
  const isFirst = ({ action }: Change) => action === 'destroy';
  const inOrder = inRunOrder(needed);
  const sorted = [...inOrder.filter(isFirst), ...inOrder.filter((change) => !isFirst(change))];
  const digests = digestsOf({ goal, changes: sorted });
  const tight = tightFits(sorted, live);
  return {
    ...{ id: `p-${digests.digest.slice(0, 6)}`, ...digests, goal, changes: sorted },
    ...(tight.length === 0 ? {} : { tight }),
  };
}

/** The changes in the order of every digest, which the order in which people read them does not change. */
export function inDigestOrder(changes: readonly Change[]): readonly Change[] {
  return changes.toSorted((a, b) => rank(a) - rank(b) || a.vmid - b.vmid);
}

/** The two digests of a plan, made of its goal and its changes. */
export function digestsOf(plan: Pick<Plan, 'goal' | 'changes'>): Pick<Plan, 'digest' | 'changesDigest'> {
  const { goal } = plan;
  const { commit, ...wanted } = goal;
  const changes = inDigestOrder(plan.changes);
  const basis = changes.map(basisOf);
  const said = changes.map(({ action, vmid, blocked, ...change }) => ({
    action,
    vmid,
    blocked: blocked?.reason,
    fields: 'fields' in change ? change.fields : [],
    guest: 'guest' in change ? change.guest : undefined,
    incomplete: 'incomplete' in change ? change.incomplete : undefined,
    orphanVolumes: 'orphanVolumes' in change ? change.orphanVolumes : undefined,
    to: 'to' in change ? change.to?.volid : undefined,
    start: 'start' in change ? change.start : undefined,
    finishes: 'finishes' in change ? change.finishes : undefined,
    heldStopped: 'heldStopped' in change ? change.heldStopped : undefined,
    backupTo: change.backupTo,
  }));
  return {
    digest: hash({ wanted, commit: commit.sha, basis, said }),
    changesDigest: hash({ fleet: goal.fleet, basis, said }),
  };
}

/** A complete plan id; an id that was cut off does not match. */
export const planIdPattern = /^p-[0-9a-f]{6}$/;

/** The changes that an apply would run. */
export function runnable(plan: Plan): readonly Change[] {
  return plan.changes.filter((change) => change.blocked === undefined);
}

/** The changes for the goal without those that the head does not make as well: it wants these guests otherwise. */
function wantedByHead({ head, ...goal }: Goal, live: LiveState, earlier: Plan | undefined): readonly Change[] {
  const changes = [...changesFor(goal, live, earlier)];
  if (head === undefined) return changes;
  const ofHead = new Map([...changesFor({ ...goal, guests: head }, live, earlier)].map((one) => [one.vmid, one]));
  return changes.filter((change) => isPartOf(change, ofHead.get(change.vmid)));
}

/** Does the other change of the same guest bring every value that this one brings? */
function isPartOf(change: Change, other: Change | undefined): boolean {
  if (other?.action !== change.action) return false;
  // A guest that is gone is made as it was; what the head changes in it comes with the head's own plan.
  if (!('fields' in change && 'fields' in other)) return true;
  const sameImage = !('toImage' in change && 'toImage' in other) || change.toImage === other.toImage;
  const nameOf = ({ field, of = '' }: FieldChange) => `${field} ${of}`;
  const brings = new Map(other.fields.map((one) => [nameOf(one), one.to]));
  return sameImage && change.fields.every((one) => brings.get(nameOf(one)) === one.to);
}

function* changesFor(goal: Goal, live: LiveState, earlier: Plan | undefined): Generator<Change> {
  const vmid = onlyGuest(goal);
  if (vmid === undefined) {
    yield* wantedChanges(goal, live, earlier);
    yield* unwantedChanges(goal, live);
    return;
  }
  const guest = goal.guests.find((one) => one.vmid === vmid);
  const there = live.guests.find((one) => one.vmid === vmid);
  // A guest that does not exist can be neither adopted nor rolled back.
  if (guest === undefined || there === undefined) return;
  yield* goal.adopt === undefined ? rollback(goal, guest, there) : adoption(goal, guest, there);
}

function* wantedChanges(goal: Goal, live: LiveState, earlier: Plan | undefined): Generator<Change> {
  const byVmid = new Map(live.guests.map((one) => [one.vmid, one]));
  let { nodes } = live;
  for (const guest of goal.guests) {
    if (goal.rolledBack?.some(({ vmid }) => vmid === guest.vmid)) continue;
    const there = byVmid.get(guest.vmid);
    if (there !== undefined) {
      yield* compare(goal, guest, there);
      continue;
    }
    const change = create(guest, { ...live, nodes }, earlier);
    nodes = withGuest(nodes, change.node, guest);
    yield change;
  }
}

function* adoption(goal: Goal, guest: DesiredGuest, there: LiveGuest): Generator<Change> {
  // The guest has been adopted already.
  if (belongsTo(goal, there.tags)) return;
  const tags = adoptedTags(there.tags, goal.fleetTag);
  const [next] = compare(goal, guest, { ...there, tags: splitTags(tags) });
  yield adoptChange(goal, guest, there, { tags, next });
}

/** Rolls one guest back to its previous root disk; its settings stay as they are. */
function* rollback(goal: Goal, guest: DesiredGuest, live: LiveGuest): Generator<Change> {
  const conflict = conflictWith(goal, guest, live);
  const base = { guest, vmid: guest.vmid, name: guest.name, node: live.node } as const;
  if (conflict !== undefined || !hasConfig(live)) {
    yield { ...base, action: 'conflict', live, blocked: conflict ?? unreadable(live) };
    return;
  }
  const to = retainedDiskFor(live, goal.rollback?.retained ?? []);
  yield blockIfNeeded({ ...rollbackChange(guest, live, { fields: [], to }), ...heldStopped(goal, live) });
}

function create(guest: DesiredGuest, { nodes, hidden }: LiveState, earlier: Plan | undefined): Change {
  const before = earlier?.changes.find((change) => change.action === 'create' && change.vmid === guest.vmid);
  const place = placeGuest(guest, nodes, before?.node);
  const base = { action: 'create', guest, vmid: guest.vmid, name: guest.name } as const;
  if (hidden?.includes(guest.vmid)) {
    return { ...base, node: 'node' in place ? place.node : (guest.node ?? ''), blocked: hiddenGuest(guest) };
  }
  const blocked = firmwareBlock(guest);
  if ('node' in place) return { ...base, node: place.node, ...(blocked === undefined ? {} : { blocked }) };
  return { ...base, node: guest.node ?? '', blocked: { reason: 'storage', advice: place.problem } };
}

function* compare(goal: Goal, declared: DesiredGuest, live: LiveGuest): Generator<Change> {
  const guest = withGoneCards(declared, declaredBefore(goal.declared, declared.vmid));
  const base = { guest, vmid: guest.vmid, name: guest.name, node: live.node } as const;
  const conflict = conflictWith(goal, guest, live);
  if (conflict !== undefined || !hasConfig(live)) {
    yield { ...base, action: 'conflict', live, blocked: conflict ?? unreadable(live) };
    return;
  }
  const known = withKnownImage(goal, guest, live);
  const wakes = goal.woken?.includes(guest.vmid) === true && live.status === 'stopped';
  const before = declaredBefore(goal.declared, guest.vmid);
  const attached = detachedFrom(goal, guest.vmid);
  const fields = [...diffGuest(guest, known, goal.fleetTag, before, attached), ...(wakes ? [awakening] : [])];
  const left = attachedVolumes(live.config.unused);
  const orphanVolumes = left.length === 0 ? {} : { orphanVolumes: left };
  if (!imageDiffers(guest, known)) {
    const finishes = imageDiffers(guest, live);
    const start = wakes || (live.status === 'stopped' && unfinishedGuest(goal, live)?.ran === true);
    if (fields.length > 0) {
      yield blockIfNeeded({
        ...{ ...base, ...orphanVolumes, action: 'update', live, fields },
        ...(start && !finishes ? { start } : {}),
        ...(finishes ? { finishes, ...heldStopped(goal, live) } : {}),
      });
    }
    if (fields.length === 0 && left.length > 0) {
      yield blockIfNeeded({ ...base, ...orphanVolumes, action: 'clean-up', live, ownerVmid: guest.vmid });
    }
    return;
  }
  const to = goal.rollback && retainedDiskFor(live, goal.rollback.retained, guest);
  if (to !== undefined) {
    yield blockIfNeeded({
      ...rollbackChange(guest, live, { fields, to }),
      ...orphanVolumes,
      ...heldStopped(goal, live),
    });
    return;
  }
  const { imageHash: fromImage, pending } = readTags(known.tags);
  yield blockIfNeeded({
    ...{ ...base, ...orphanVolumes, ...heldStopped(goal, live) },
    action: 'replace',
    live,
    fields,
    toImage: imageHash(guest.image),
    // What was once done keeps its image's tag: no step discards such a guest, it gets a new disk.
    incomplete:
      live.status !== 'running' &&
      (isCreateInterrupted(live) || (pending && fromImage === undefined && hasNoDisks(live.config))),
    ...(fromImage === undefined ? {} : { fromImage }),
  });
}

/** The change with the backup that the flake wants before it; one that cannot be made blocks it. */
function withBackup(goal: Goal, change: Change, { nodes, noBackup = {} }: LiveState): Change {
  const backupTo = storageOfBackup(goal, change);
  if (backupTo === undefined || change.blocked !== undefined) return change;
  const node = nodes.find((one) => one.node === change.node);
  const advice = noBackup[change.vmid] ?? backupProblem(backupTo, node);
  if (advice === undefined) return { ...change, backupTo };
  return { ...change, backupTo, blocked: { reason: 'backup', advice } };
}

function storageOfBackup({ backup, backups = [] }: Goal, change: Change): string | undefined {
  switch (change.action) {
    case 'update':
      return storageBefore('update', change.guest.backup);
    case 'replace':
      return change.incomplete ? undefined : storageBefore('replace', change.guest.backup);
    case 'rollback':
      return storageBefore('replace', change.guest.backup);
    case 'destroy':
      return storageBefore('destroy', backups.find(({ vmid }) => vmid === change.vmid)?.backup ?? backup);
    default:
      return undefined;
  }
}

const awakening = { field: 'power', from: 'stopped', to: 'running', restart: false } as const;

function heldStopped(goal: Goal, live: KnownGuest): { readonly heldStopped?: true } {
  return isHeldStopped(goal, live) ? { heldStopped: true } : {};
}

/** Blocks a change whose image no guest can be made of, or cannot be uploaded for the guest's node. */
function withImages(change: Change, nodes: readonly LiveNode[]): Change {
  if ((change.action !== 'create' && change.action !== 'replace') || change.blocked !== undefined) return change;
  const { kind, image } = change.guest;
  const advice = imageProblem(image) ?? nodes.find((one) => one.node === change.node)?.imageProblems?.[kind];
  return advice === undefined ? change : { ...change, blocked: { reason: 'images', advice } };
}

/**
 * Does this change make a staging guest? Making one removes the staging guest that an earlier run left on the same
 * node.
 */
function stagesAnew(change: Change): boolean {
  return change.action === 'replace' && change.blocked === undefined && !change.incomplete;
}

/** Blocks the destroy of a guest that has another vm_id in the flake, as long as its successor is blocked. */
function blockUntilSuccessor(change: Change, changes: readonly Change[]): Change {
  if (change.action !== 'destroy' || change.movedTo === undefined || change.blocked !== undefined) return change;
  const successor = changes.find((other) => other.vmid === change.movedTo);
  if (successor?.blocked === undefined) return change;
  const advice = `Kept, because its replacement (VMID ${change.movedTo}) is blocked.`;
  return { ...change, blocked: { reason: 'successor', advice } };
}

function* unwantedChanges(goal: Goal, live: LiveState): Generator<Change> {
  const wanted = new Set(goal.guests.map((guest) => guest.vmid));
  for (const guest of live.guests) {
    if (wanted.has(guest.vmid) || !isOurs(goal, guest, live)) continue;
    if (hasConfig(guest)) yield unwanted(goal, guest);
    // The node is down. Its guests are not gone, and they cannot be destroyed now.
    else
      yield {
        action: 'destroy',
        vmid: guest.vmid,
        name: guest.name,
        node: guest.node,
        live: guest,
        blocked: unreadable(guest),
      };
  }
}

/**
 * Does the guest belong to the goal's fleet? A staging guest carries no fleet tag: it belongs to the fleet of its
 * owner, the guest whose new root disk it holds.
 */
function isOurs(goal: Goal, guest: LiveGuest, live: LiveState): boolean {
  if (belongsTo(goal, guest.tags)) return true;
  const vmid = stagedFor(guest);
  if (vmid === undefined || readTags(guest.tags).fleet !== undefined) return false;
  const owner = live.guests.find((one) => one.vmid === vmid);
  const wanted = goal.guests.find((one) => one.vmid === vmid);
  if (owner === undefined) return wanted !== undefined;
  return belongsTo(goal, owner.tags) || (wanted !== undefined && conflictWith(goal, wanted, owner) === undefined);
}

function unwanted(goal: Goal, live: KnownGuest): Change {
  const base = { vmid: live.vmid, name: live.name, node: live.node, live } as const;
  const ownerVmid = stagedFor(live);
  if (ownerVmid !== undefined) return blockIfNeeded({ ...base, action: 'clean-up', ownerVmid });
  const successor = goal.guests.find((guest) => guest.name.toLowerCase() === live.name.toLowerCase());
  return blockIfNeeded({ ...base, action: 'destroy', ...(successor === undefined ? {} : { movedTo: successor.vmid }) });
}

function rank(change: Change): number {
  return ['destroy', 'clean-up', 'replace', 'rollback', 'update', 'create', 'adopt', 'conflict'].indexOf(change.action);
}

function basisOf(change: Change): Basis {
  if (change.action === 'create') return { vmid: change.vmid, node: change.node, tags: [] };
  const { live } = change;
  return {
    vmid: live.vmid,
    node: live.node,
    tags: live.tags,
    ...(live.config === undefined ? {} : { digest: live.config.digest }),
    ...(live.config?.uuid === undefined ? {} : { uuid: live.config.uuid }),
  };
}

/**
 * The node for a new guest: the one that the flake names, otherwise the online node with the storage and the most free
 * memory. A node that cannot run it, cannot get images for the guest or has no room for its disk is chosen only when
 * all such nodes are like that; the plan then says what the node lacks.
 * @param earlier the node that the plan before chose. It is kept, because free memory changes all the time and must not
 * make a plan differ.
 * @returns the node, or the reason why there is none
 */
export function placeGuest(
  guest: GuestSpec,
  nodes: readonly LiveNode[],
  earlier?: string,
): { readonly node: string } | { readonly problem: string } {
  const storages = storagesOf(guest);
  const lacking = (node: LiveNode) => storages.find((storage) => !node.storages.includes(storage));
  const able = nodes.filter((node) => node.online && lacking(node) === undefined);
  if (guest.node !== undefined) {
    const named = nodes.find((node) => node.node === guest.node);
    if (named === undefined) return { problem: `The cluster has no node "${guest.node}".` };
    if (!named.online) return { problem: `Node ${guest.node} is offline.` };
    const storage = lacking(named);
    if (storage !== undefined)
      return { problem: `Node ${guest.node} has no storage "${storage}". ${chooseStorage(storage, [named])}` };
    return { node: guest.node };
  }
  const lacksNothing: readonly ((node: LiveNode) => boolean)[] = [
    (node) => canRun(guest, node),
    (node) => node.imageProblems?.[guest.kind] === undefined,
    (node) => hasRoom(node, guest),
  ];
  const fit = lacksNothing.reduce((nodes, isFit) => {
    const left = nodes.filter(isFit);
    return left.length === 0 ? nodes : left;
  }, able);
  if (earlier !== undefined && fit.some((node) => node.node === earlier)) return { node: earlier };
  const [best] = [...fit].sort((a, b) => (b.freeMemory ?? 0) - (a.freeMemory ?? 0) || a.node.localeCompare(b.node));
  if (best === undefined) {
    const online = nodes.filter((node) => node.online);
    // Each may be on some node, and all of them on none.
    const name = storages.find((storage) => online.every((node) => !node.storages.includes(storage)));
    return {
      problem:
        name === undefined
          ? `No node that is online has all of the storages ${storages.join(', ')}.`
          : `No node that is online has a storage "${name}". ${chooseStorage(name, online)}`,
    };
  }
  return { node: best.node };
}

/** The nodes with memory and room of the new guest taken, so that several new guests do not all go to the same node. */
export function withGuest(nodes: readonly LiveNode[], on: string, guest: GuestSpec): readonly LiveNode[] {
  const left = disksOf(guest).reduce((all, disk) => withDisk(all, on, disk), nodes);
  return left.map((node) =>
    node.node !== on || node.freeMemory === undefined
      ? node
      : { ...node, freeMemory: node.freeMemory - guest.memoryMb * 2 ** 20 },
  );
}

/** SHA-256 over JSON with sorted keys, so that the order of keys does not matter. */
export function hash(value: unknown): string {
  const canonical = JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return createHash('sha256').update(canonical).digest('hex');
}
