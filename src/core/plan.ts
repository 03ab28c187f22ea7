import { createHash } from 'node:crypto';
import { adoptChange } from './adopt.ts';
import type { Blocked, Change, KnownGuest } from './change.ts';
import type { Commit } from './commit.ts';
import { diffGuest, imageDiffers, shrinksDisk } from './diff.ts';
import { type DesiredGuest, imageHash } from './guest.ts';
import type { LiveConfig, LiveGuest, LiveState } from './live.ts';
import { isBeingMade, stagingOwner } from './marks.ts';
import { placeGuest } from './place.ts';
import { adoptedTags, readTags, splitTags } from './tags.ts';

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

/** The difference between a goal and the live cluster. */
export interface Plan {
  /** `p-` and the first digits of the digest: what people read. */
  readonly id: string;
  /** Hash over the goal and the basis of every guest touched. An approval is for one digest. */
  readonly digest: string;
  /** The same without the commit: equal for a push that changes no planned value. */
  readonly changesDigest: string;
  readonly goal: Goal;
  /** In the order in which people read them: destroys first. */
  readonly changes: readonly Change[];
}

/** What an approval rests on: everything about a guest that must still hold when it is changed. */
interface Basis {
  readonly vmid: number;
  readonly node: string;
  readonly uuid?: string;
  readonly digest?: string;
  readonly tags: readonly string[];
}

/**
 * Compares a goal with the live cluster. Pure: the same input makes the same plan, so planning again shows whether
 * anything moved.
 * @param earlier the plan this one is compared with; new guests stay on the node it chose
 */
export function createPlan(goal: Goal, live: LiveState, earlier?: Plan): Plan {
  const changes =
    goal.adopt === undefined
      ? [...wantedChanges(goal, live, earlier), ...unwantedChanges(goal, live)]
      : [...adoption(goal, goal.adopt, live)];
  const staged = new Set(changes.filter(stagesAnew).map((change) => change.vmid));
  const needed = changes
    .filter((change) => change.action !== 'clean-up' || !staged.has(change.ownerVmid))
    .map((change) => keptUntilMoved(change, changes));
  const sorted = needed.sort((a, b) => rank(a) - rank(b) || a.vmid - b.vmid);
  const { commit, ...wanted } = goal;
  const basis = sorted.map(basisOf);
  const said = sorted.map(({ action, vmid, blocked, ...change }) => ({
    action,
    vmid,
    blocked: blocked?.reason,
    fields: 'fields' in change ? change.fields : [],
    guest: 'guest' in change ? change.guest : undefined,
    halfMade: 'halfMade' in change ? change.halfMade : undefined,
  }));
  const digest = hash({ wanted, commit: commit.sha, basis, said });
  const changesDigest = hash({ fleet: goal.fleet, basis, said });
  return { id: `p-${digest.slice(0, 6)}`, digest, changesDigest, goal, changes: sorted };
}

/** The changes that an apply would run. */
export function runnable(plan: Plan): readonly Change[] {
  return plan.changes.filter((change) => change.blocked === undefined);
}

/** Does this guest belong to the goal's fleet? Without a fleet's tag it does only where there is but one fleet. */
export function belongsTo(goal: Pick<Goal, 'fleet' | 'fleetTag'>, tags: readonly string[]): boolean {
  const { ours, fleet } = readTags(tags);
  if (!ours) return false;
  return fleet === undefined ? goal.fleetTag === undefined : fleet === goal.fleet.toLowerCase();
}

function* wantedChanges(goal: Goal, live: LiveState, earlier: Plan | undefined): Generator<Change> {
  const byVmid = new Map(live.guests.map((one) => [one.vmid, one]));
  for (const guest of goal.guests) {
    const there = byVmid.get(guest.vmid);
    if (there === undefined) yield create(guest, live, earlier);
    else yield* compare(goal, guest, there);
  }
}

function* adoption(goal: Goal, vmid: number, live: LiveState): Generator<Change> {
  const guest = goal.guests.find((one) => one.vmid === vmid);
  const there = live.guests.find((one) => one.vmid === vmid);
  // A VMID that is free or ours by now needs no taking over.
  if (guest === undefined || there === undefined || belongsTo(goal, there.tags)) return;
  const tags = adoptedTags(there.tags, goal.fleetTag);
  const [next] = compare(goal, guest, { ...there, tags: splitTags(tags) });
  yield adoptChange(goal, guest, there, { tags, next });
}

function create(guest: DesiredGuest, live: LiveState, earlier: Plan | undefined): Change {
  const before = earlier?.changes.find((change) => change.action === 'create' && change.vmid === guest.vmid);
  const place = placeGuest(guest, live.nodes, before?.node);
  const base = { action: 'create', guest, vmid: guest.vmid, name: guest.name } as const;
  if ('node' in place) return { ...base, node: place.node };
  return { ...base, node: guest.node ?? '', blocked: { reason: 'storage', advice: place.problem } };
}

function* compare(goal: Goal, guest: DesiredGuest, live: LiveGuest): Generator<Change> {
  const base = { guest, vmid: guest.vmid, name: guest.name, node: live.node } as const;
  const conflict = conflictWith(goal, guest, live);
  if (conflict !== undefined || !isKnown(live)) {
    yield { ...base, action: 'conflict', live, blocked: conflict ?? unreadable(live) };
    return;
  }
  const fields = [...diffGuest(guest, live, goal.fleetTag)];
  if (!imageDiffers(guest, live)) {
    if (fields.length > 0) yield blockIfNeeded({ ...base, action: 'update', live, fields });
    return;
  }
  const { imageHash: fromImage, pending } = readTags(live.tags);
  yield blockIfNeeded({
    ...base,
    action: 'replace',
    live,
    fields,
    toImage: imageHash(guest.image),
    halfMade: (pending || beingMade(live)) && isBare(live.config) && live.status !== 'running',
    ...(fromImage === undefined ? {} : { fromImage }),
  });
}

function conflictWith(goal: Goal, guest: DesiredGuest, live: LiveGuest): Blocked | undefined {
  const who = `VMID ${live.vmid} is`;
  if (live.kind !== guest.kind) {
    return { reason: 'kind', advice: `${who} a ${live.kind}. Give ${guest.key} another vm_id.` };
  }
  const { ours, fleet } = readTags(live.tags);
  if (!ours && !beingMade(live)) {
    return {
      reason: 'not-ours',
      advice: `${who} "${live.name}", which proxnix did not make. Give ${guest.key} another vm_id, or take it over with /proxnix adopt ${guest.name}.`,
    };
  }
  if (fleet !== undefined && fleet !== goal.fleet.toLowerCase()) {
    return { reason: 'not-ours', advice: `${who} a guest of the fleet "${fleet}". Give ${guest.key} another vm_id.` };
  }
  // A guest from when there was one fleet is taken over only where VMID and name both fit, and the plan shows its new tag.
  if (
    live.config !== undefined &&
    fleet === undefined &&
    goal.fleetTag !== undefined &&
    !sameName(guest, live) &&
    !beingMade(live)
  ) {
    return {
      reason: 'not-ours',
      advice: `${who} "${live.name}", a guest of no fleet. Take it over with /proxnix adopt ${guest.name}.`,
    };
  }
  if (live.template) return { reason: 'template', advice: `${who} a template; proxnix does not change templates.` };
  return undefined;
}

/** Ours in all but its tags: a run was cut off between the create call and the write of the tags. */
function beingMade({ vmid, tags, config }: LiveGuest): boolean {
  // A disk comes only after the tags: with one it is somebody's machine, whatever its description says.
  return config !== undefined && isBare(config) && isBeingMade(vmid, tags, config.description);
}

function isBare(config: LiveConfig): boolean {
  return Object.keys(config.disks).length === 0 && Object.keys(config.unused).length === 0;
}

function sameName(guest: DesiredGuest, live: LiveGuest): boolean {
  return guest.name.toLowerCase() === live.name.toLowerCase();
}

/** Will this change make a staging guest, and with it remove one that an earlier run left? */
function stagesAnew(change: Change): boolean {
  return change.action === 'replace' && change.blocked === undefined && !change.halfMade;
}

/** A guest that was given another vm_id is not destroyed while the new one cannot be made. */
function keptUntilMoved(change: Change, changes: readonly Change[]): Change {
  if (change.action !== 'destroy' || change.movedTo === undefined || change.blocked !== undefined) return change;
  const successor = changes.find((other) => other.vmid === change.movedTo);
  if (successor?.blocked === undefined) return change;
  const advice = `Its name moves to VMID ${change.movedTo}, and that is blocked. It stays until the new one can be made.`;
  return { ...change, blocked: { reason: 'successor', advice } };
}

function* unwantedChanges(goal: Goal, live: LiveState): Generator<Change> {
  const wanted = new Set(goal.guests.map((guest) => guest.vmid));
  for (const guest of live.guests) {
    if (guest.kind !== 'vm' || wanted.has(guest.vmid) || !isOurs(goal, guest, live)) continue;
    if (isKnown(guest)) yield unwanted(goal, guest);
    // A node that is down: nobody may conclude that its guests are gone, and nobody can destroy them now.
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

/** A staging guest carries no fleet's tag: it belongs to the fleet of the guest it was made for, or is made for. */
function isOurs(goal: Goal, guest: LiveGuest, live: LiveState): boolean {
  if (belongsTo(goal, guest.tags)) return true;
  const vmid = stagedFor(guest);
  if (vmid === undefined || readTags(guest.tags).fleet !== undefined) return false;
  const owner = live.guests.find((one) => one.vmid === vmid);
  const wanted = goal.guests.find((one) => one.vmid === vmid);
  if (owner === undefined) return wanted !== undefined;
  return belongsTo(goal, owner.tags) || (wanted !== undefined && conflictWith(goal, wanted, owner) === undefined);
}

/** The guest that this one was to bring a new root disk to; `undefined` when it is no staging guest. */
function stagedFor({ tags, config }: LiveGuest): number | undefined {
  const { ours, pending } = readTags(tags);
  return ours && pending && config !== undefined ? stagingOwner(config.description) : undefined;
}

function unwanted(goal: Goal, live: KnownGuest): Change {
  const base = { vmid: live.vmid, name: live.name, node: live.node, live } as const;
  const ownerVmid = stagedFor(live);
  if (ownerVmid !== undefined) return blockIfNeeded({ ...base, action: 'clean-up', ownerVmid });
  const moved = goal.guests.find((guest) => guest.name.toLowerCase() === live.name.toLowerCase());
  return blockIfNeeded({ ...base, action: 'destroy', ...(moved === undefined ? {} : { movedTo: moved.vmid }) });
}

function unreadable(live: LiveGuest): Blocked {
  return {
    reason: 'unreachable',
    advice: `The configuration of VM ${live.vmid} on node ${live.node} cannot be read. Is the node down?`,
  };
}

type Touching = Exclude<Change, { action: 'create' | 'conflict' }> & { readonly live: KnownGuest };

function blockIfNeeded(change: Touching): Change {
  const blocked = blockOf(change);
  return blocked === undefined ? change : { ...change, blocked };
}

function blockOf(change: Touching): Blocked | undefined {
  const { live, vmid } = change;
  const guest = 'guest' in change ? change.guest : undefined;
  const guarded = protectedBy(change, guest);
  if (guarded !== undefined) {
    return { reason: 'protected', advice: `${guarded}. Take that away to let proxnix change VM ${vmid}.` };
  }
  if (live.template)
    return { reason: 'template', advice: `VM ${vmid} is a template; proxnix does not touch templates.` };
  if (live.lock !== undefined) {
    return { reason: 'locked', advice: `VM ${vmid} is locked (${live.lock}). Plan again when that is over.` };
  }
  if (change.action === 'update' && shrinksDisk(change.guest, live)) {
    return {
      reason: 'shrink',
      advice: `Proxmox cannot make a disk smaller. Set disk_gb back, or change the image as well: a new root disk has the new size.`,
    };
  }
  const madeAnew = change.action === 'replace' && (readTags(live.tags).pending || beingMade(live));
  if (guest !== undefined && !hasRootDisk(guest, live) && !madeAnew) {
    const disks = Object.keys(live.config.disks).join(', ') || 'none';
    return {
      reason: 'disk',
      advice: `There is no disk at ${guest.diskSlot} (its disks: ${disks}). Attach the root disk there in Proxmox, or correct disk_slot.`,
    };
  }
  if (guest?.node !== undefined && guest.node !== live.node) {
    return {
      reason: 'node',
      advice: `It lives on ${live.node}. Migrate it to ${guest.node} in Proxmox, or change node.`,
    };
  }
  return undefined;
}

function protectedBy(change: Touching, guest: DesiredGuest | undefined): string | undefined {
  if (change.live.config.protected) return 'Its protection is on in Proxmox';
  if (guest?.protected !== true) return undefined;
  // What a run left unfinished was not protected yet: the flake's wish is met by finishing it.
  if (readTags(change.live.tags).pending || beingMade(change.live)) return undefined;
  const onlyProtects = change.action === 'update' && change.fields.every((field) => field.field === 'protected');
  return onlyProtects ? undefined : 'The flake says protected = true';
}

function hasRootDisk(guest: DesiredGuest, live: KnownGuest): boolean {
  return live.config.disks[guest.diskSlot] !== undefined;
}

function isKnown(guest: LiveGuest): guest is KnownGuest {
  return guest.config !== undefined;
}

function rank(change: Change): number {
  return ['destroy', 'clean-up', 'replace', 'update', 'create', 'adopt', 'conflict'].indexOf(change.action);
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

/** SHA-256 over JSON with sorted keys, so that the order in which values were read means nothing. */
function hash(value: unknown): string {
  const canonical = JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return createHash('sha256').update(canonical).digest('hex');
}
