import { sizeText } from '../lib/text.ts';
import type { Change } from './change.ts';
import type { DesiredGuest, GuestSpec } from './guest.ts';
import type { LiveNode, StorageFacts } from './live.ts';
import { nearest } from './nearest.ts';

/**
 * Blocks the changes whose new disk has no place: its storage is not on the node, makes no such disks, cannot hand one
 * to another guest, or has less free than the disk takes at once. A storage whose disks take what is written to them is
 * never too small for the size that a guest sees. Earlier changes of the plan have their room already; what it frees comes last.
 */
export function blockWithoutRoom(changes: readonly Change[], nodes: readonly LiveNode[]): readonly Change[] {
  let left = nodes;
  return changes.map((change) => {
    const disk = change.blocked === undefined ? newDisk(change) : undefined;
    if (disk === undefined) return change;
    const on = left.find(({ node }) => node === change.node);
    const advice = on && problemOf(disk, on);
    if (advice !== undefined) return { ...change, blocked: { reason: 'storage', advice } };
    left = withDisk(left, change.node, { storage: disk.guest.storage, bytes: disk.bytes });
    return change;
  });
}

/** Whether a node has room for the root disk of a new guest, as far as it is known. */
export function hasRoom(node: LiveNode, { storage, kind, diskGb }: GuestSpec): boolean {
  const { free, problems } = node.storageFacts?.[storage] ?? {};
  return problems?.[kind] === undefined && (free === undefined || free >= diskGb * gib);
}

/** The nodes with the room of a new disk taken; of a shared storage on all of them. */
export function withDisk(
  nodes: readonly LiveNode[],
  on: string,
  { storage, bytes }: { readonly storage: string; readonly bytes: number },
): readonly LiveNode[] {
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
export function chooseStorage(name: string, nodes: readonly LiveNode[]): string {
  const known = [...new Set(nodes.flatMap(({ storages }) => storages))].sort();
  if (known.length === 0) return 'The token can see no storage: `npx proxnix doctor` tells which right it lacks.';
  const guess = nearest(name, known);
  const list = known.slice(0, mostNamed).join(', ') + (known.length > mostNamed ? ', …' : '');
  return `${guess === undefined ? '' : `Did you mean "${guess}"? `}The token can see ${list}: correct \`storage_location\`, or let the token use "${name}".`;
}

/** What to do where a storage has too little room. */
export const makeRoom = 'Free space there or choose another `storage_location`.';

const mostNamed = 10;
const gib = 2 ** 30;
const mib = 2 ** 20;

/** A disk that a change makes on the guest's storage, or the part by which one grows. */
interface NewDisk {
  readonly guest: DesiredGuest;
  readonly bytes: number;
  readonly work: 'make' | 'swap' | 'grow';
}

function newDisk(change: Change): NewDisk | undefined {
  if (change.action === 'create') return { guest: change.guest, bytes: change.guest.diskGb * gib, work: 'make' };
  if (change.action === 'replace') {
    // The old root disk stays beside the new one.
    const work = change.incomplete ? 'make' : 'swap';
    return { guest: change.guest, bytes: change.guest.diskGb * gib, work };
  }
  if (change.action !== 'update') return undefined;
  const { guest, live } = change;
  const { storage, sizeMb = 0 } = live.config.disks[guest.diskSlot] ?? {};
  if (storage === undefined) return undefined;
  if (storage !== guest.storage) {
    return { guest, bytes: Math.max(sizeMb * mib, guest.diskGb * gib), work: 'make' };
  }
  const grows = guest.diskGb * gib - sizeMb * mib;
  return sizeMb > 0 && grows > 0 ? { guest, bytes: grows, work: 'grow' } : undefined;
}

function problemOf({ guest, bytes, work }: NewDisk, on: LiveNode): string | undefined {
  const { node, online, storages, storageFacts } = on;
  // A node that is down has no storage in the list.
  if (work !== 'grow' && online && !storages.includes(guest.storage)) {
    return `Node ${node} has no storage "${guest.storage}". ${chooseStorage(guest.storage, [on])}`;
  }
  const facts: StorageFacts = storageFacts?.[guest.storage] ?? {};
  if (work !== 'grow' && facts.problems?.[guest.kind] !== undefined) return facts.problems[guest.kind];
  if (work === 'swap' && facts.noSwap !== undefined) return facts.noSwap;
  if (facts.free === undefined || facts.free >= bytes) return undefined;
  return `${noRoom(guest.storage, node, { free: facts.free, needed: bytes })} ${makeRoom}`;
}
