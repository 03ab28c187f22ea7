import { sizeText } from '../lib/text.ts';
import type { Change, CreateChange, FieldChange, ReplaceChange, UpdateChange } from './change.ts';
import { dataDisksOf, isAttachedAgain, liveDiskAt } from './data-disk-changes.ts';
import type { GuestKind, GuestSpec } from './guest.ts';
import type { KnownGuest, LiveDisk, LiveNode, StorageFacts } from './live.ts';
import { nearest } from './nearest.ts';

/**
 * Blocks the changes whose new disk has no place: its storage is not on the node, makes no such disks, cannot hand one
 * to another guest, or has less free than the disk takes at once. A storage whose disks take what is written to them is
 * never too small for the size that a guest sees. Earlier changes of the plan have their room already; what it frees comes last.
 */
export function blockWithoutRoom(changes: readonly Change[], nodes: readonly LiveNode[]): readonly Change[] {
  let left = nodes;
  return changes.map((change) => {
    if (change.blocked !== undefined) return change;
    let after = left;
    for (const disk of newDisks(change)) {
      const advice = problemOf(
        disk,
        after.find((one) => one.node === change.node),
      );
      if (advice !== undefined) return { ...change, blocked: { reason: 'storage', advice } };
      after = withDisk(after, change.node, disk);
    }
    left = after;
    return change;
  });
}

/** Whether a node has room for the disks of a new guest, as far as it is known. */
export function hasRoom(node: LiveNode, guest: GuestSpec): boolean {
  let left: readonly LiveNode[] = [node];
  for (const disk of disksOf(guest)) {
    const facts = left[0]?.storageFacts?.[disk.storage] ?? {};
    if (facts.problems?.[guest.kind] !== undefined || roomIn(facts) < disk.bytes) return false;
    left = withDisk(left, node.node, disk);
  }
  return true;
}

/** The nodes with the room of a new disk taken; of a shared storage on all of them. */
export function withDisk(nodes: readonly LiveNode[], on: string, { storage, bytes }: SizedDisk): readonly LiveNode[] {
  return nodes.map((node) => {
    const facts = node.storageFacts?.[storage];
    if (facts?.free === undefined || (node.node !== on && facts.shared !== true)) return node;
    const less = { ...facts, free: Math.max(0, facts.free - bytes) };
    return { ...node, storageFacts: { ...node.storageFacts, [storage]: less } };
  });
}

/** Sizes in bytes: `Storage "fast" on pve1 has 0 B free; 2.0 GiB needed.` */
export function noRoom(
  storage: string,
  node: string,
  { free, needed }: { readonly free: number; readonly needed: number },
): string {
  return `Storage "${storage}" on ${node} has ${sizeText(free)} free; ${sizeText(needed)} needed.`;
}

/** What to do where no node has a storage of that name: it is mistyped, down, or the token may not see it. */
export function chooseStorage(name: string, nodes: readonly LiveNode[], named?: string): string {
  const known = [...new Set(nodes.flatMap(({ storages }) => storages))].sort();
  if (known.length === 0) return 'The token can see no storage: `npx proxnix doctor` tells which right it lacks.';
  const guess = nearest(name, known);
  const list = known.slice(0, mostNamed).join(', ') + (known.length > mostNamed ? ', …' : '');
  return `${guess === undefined ? '' : `Did you mean "${guess}"? `}The token can see ${list}: correct \`${named ?? 'storage_location'}\`, or let the token use "${name}".`;
}

/** What to do where a storage has too little room. @param named the field that names the storage, without its quotes */
export function makeRoom(named = 'storage_location'): string {
  return `Free space there or choose another \`${named}\`.`;
}

const mostNamed = 10;
const gib = 2 ** 30;
const mib = 2 ** 20;
/** The size of a cloud-init drive (PVE 9.2, `PVE::QemuServer::Cloudinit`). */
const cloudInitBytes = 4 * mib;

/** A disk that a change makes on a storage, or the part by which one grows. */
interface NewDisk extends SizedDisk {
  readonly kind: GuestKind;
  readonly work: 'make' | 'swap' | 'grow';
  /** The field of the flake that names the storage. */
  readonly named: string;
}

interface SizedDisk {
  readonly storage: string;
  readonly bytes: number;
}

/** Every disk of a new guest. */
export function disksOf(guest: GuestSpec): readonly SizedDisk[] {
  const data = dataDisksOf(guest).map(({ storage, sizeGb }) => ({ storage, bytes: sizeGb * gib }));
  const drive = guest.kind === 'vm' ? guest.cloudInit : undefined;
  return [
    { storage: guest.storage, bytes: guest.diskGb * gib },
    ...data,
    ...(drive === undefined ? [] : [{ storage: drive.storage, bytes: cloudInitBytes }]),
  ];
}

/** Every storage that a new guest has disks on. */
export function storagesOf(guest: GuestSpec): readonly string[] {
  return [...new Set(disksOf(guest).map(({ storage }) => storage))];
}

/** Every disk that a change makes, and the parts by which others grow. */
export function newDisks(change: Change): readonly NewDisk[] {
  if (change.action !== 'create' && change.action !== 'replace' && change.action !== 'update') {
    return change.action === 'rollback' && change.to !== undefined
      ? newDataDisks(change.guest, change.live, change.fields)
      : [];
  }
  const live = change.action === 'create' ? undefined : change.live;
  const root = newRoot(change);
  const fields = change.action === 'create' ? [] : change.fields;
  return [
    ...(root === undefined ? [] : [root]),
    ...newDataDisks(change.guest, live, fields),
    ...newCloudInit(change.guest, live, fields),
  ];
}

/** The cloud-init drive of a VM that has none yet, or has it on another storage. */
function newCloudInit(
  guest: GuestSpec,
  live: KnownGuest | undefined,
  fields: readonly FieldChange[],
): readonly NewDisk[] {
  if (guest.kind !== 'vm' || guest.cloudInit === undefined) return [];
  const { storage } = guest.cloudInit;
  if (live !== undefined && !fields.some(({ field }) => field === 'cloud-init')) return [];
  if (live?.kind === 'vm' && live.config.cloudInit?.storage === storage) return [];
  return [{ kind: 'vm', storage, bytes: cloudInitBytes, work: 'make', named: 'cloud_init.StorageReference' }];
}

function newRoot(change: CreateChange | ReplaceChange | UpdateChange): NewDisk | undefined {
  const { guest } = change;
  const base = { kind: guest.kind, storage: guest.storage, named: 'storage_location' };
  const whole = guest.diskGb * gib;
  if (change.action === 'create') return { ...base, bytes: whole, work: 'make' };
  // The old root disk stays beside the new one.
  if (change.action === 'replace') return { ...base, bytes: whole, work: change.incomplete ? 'make' : 'swap' };
  return movedOrGrown(base, whole, change.live.config.disks[guest.diskSlot]);
}

function newDataDisks(
  guest: GuestSpec,
  live: KnownGuest | undefined,
  fields: readonly FieldChange[],
): readonly NewDisk[] {
  return dataDisksOf(guest).flatMap((disk) => {
    const { name, at, sizeGb, storage } = disk;
    if (isAttachedAgain(fields, disk)) return [];
    const named = `storage\` of \`${guest.kind === 'vm' ? 'disks' : 'mounts'}.${name}`;
    const base = { kind: guest.kind, storage, named };
    if (live === undefined) return { ...base, bytes: sizeGb * gib, work: 'make' as const };
    const { disks, leaving = {} } = live.config;
    const there = liveDiskAt(guest.kind, { ...leaving, ...disks }, at);
    if (there === undefined) return { ...base, bytes: sizeGb * gib, work: 'make' as const };
    return movedOrGrown(base, sizeGb * gib, there.disk) ?? [];
  });
}

function movedOrGrown(
  base: Pick<NewDisk, 'kind' | 'storage' | 'named'>,
  whole: number,
  live: LiveDisk | undefined,
): NewDisk | undefined {
  if (live === undefined) return undefined;
  const now = (live.sizeMb ?? 0) * mib;
  if (live.storage !== base.storage) return { ...base, bytes: Math.max(now, whole), work: 'make' };
  return now > 0 && whole > now ? { ...base, bytes: whole - now, work: 'grow' } : undefined;
}

/** The bytes of the largest disk that can be made: a thin storage refuses none until it is full. */
function roomIn({ free = Number.POSITIVE_INFINITY, thin }: StorageFacts): number {
  return thin?.free === 0 ? 0 : free;
}

function problemOf({ kind, storage, bytes, work, named }: NewDisk, on: LiveNode | undefined): string | undefined {
  if (on === undefined) return undefined;
  const { node, online, storages, storageFacts } = on;
  // A node that is down has no storage in the list.
  if (work !== 'grow' && online && !storages.includes(storage)) {
    return `Node ${node} has no storage "${storage}". ${chooseStorage(storage, [on], named)}`;
  }
  const facts: StorageFacts = storageFacts?.[storage] ?? {};
  if (work !== 'grow' && facts.problems?.[kind] !== undefined) return facts.problems[kind];
  if (work === 'swap' && facts.noSwap !== undefined) return facts.noSwap;
  const free = roomIn(facts);
  if (free >= bytes) return undefined;
  return `${noRoom(storage, node, { free, needed: bytes })} ${makeRoom(named)}`;
}
