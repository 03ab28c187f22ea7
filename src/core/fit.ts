import { sizeText } from '../lib/text.ts';
import { type Blocked, type Change, endsRunning, type FieldChange, startsGuest } from './change.ts';
import { hasConfig } from './goal.ts';
import type { GuestSpec } from './guest.ts';
import type { LiveNode, LiveState } from './live.ts';
import { disksOf, newDisks } from './room.ts';
import { volumesOf } from './volumes.ts';

const mib = 2 ** 20;

/** Blocks a change whose guest its node can never run: it has more CPUs or more memory than the node. */
export function withinNode(change: Change, nodes: readonly LiveNode[]): Change {
  if (change.blocked !== undefined || !isRun(change)) return change;
  const node = nodes.find((one) => one.node === change.node);
  const blocked =
    node &&
    ((startsAnew(change) && cpuBlock(change.guest, node)) ||
      (sets(change, 'memory') && memoryBlock(change.guest, node)));
  return blocked ? { ...change, blocked } : change;
}

/** Can the node run the guest, as far as its figures are known? */
export function canRun(guest: GuestSpec, node: LiveNode): boolean {
  return cpuBlock(guest, node) === undefined && memoryBlock(guest, node) === undefined;
}

/**
 * What may turn out too small while nothing refuses it, a sentence each: memory that is free now, storages on which disks
 * take what is written to them, cores of a container. Free memory moves all the time, so no digest holds these sentences.
 */
export function tightFits(changes: readonly Change[], live: LiveState): readonly string[] {
  const run = changes.filter(({ blocked }) => blocked === undefined);
  return live.nodes.flatMap((node) => {
    const here = run.filter((change) => change.node === node.node);
    return [
      ...memoryFit(here, node),
      ...here.flatMap((change) => coresFit(change, node)),
      ...storageFits(run, live, node),
    ];
  });
}

type Run = Extract<Change, { action: 'create' | 'update' | 'replace' | 'rollback' }>;

function isRun(change: Change): change is Run {
  return ['create', 'update', 'replace', 'rollback'].includes(change.action);
}

/** Does the change start its guest with the settings of the flake, now or when somebody starts it? */
function startsAnew(change: Run): boolean {
  if (change.action === 'create' || change.action === 'replace') return true;
  return (change.action === 'update' && startsGuest(change)) || change.fields.some((field) => field.restart);
}

/** Does the change give its guest another value of this field? */
function sets(change: Run, field: FieldChange['field']): boolean {
  return change.action === 'create' || change.fields.some((one) => one.field === field);
}

/**
 * PVE 9.2 starts no VM whose sockets times cores are more than the node's CPUs ("MAX 2 vcpus allowed per VM on this
 * node"). A container may have more. Unknown figures are no problem.
 */
function cpuBlock(guest: GuestSpec, { node, cpus }: LiveNode): Blocked | undefined {
  if (guest.kind !== 'vm' || cpus === undefined || guest.sockets * guest.cores <= cpus) return undefined;
  const { sockets, cores } = guest;
  const wanted = `sockets = ${sockets} and cores = ${cores} make ${sockets * cores} CPUs`;
  const advice = `${wanted}, and node ${node} has ${cpus}: Proxmox would not start it. Lower sockets or cores in the flake.`;
  return { reason: 'cpus', advice };
}

function memoryBlock({ memoryMb }: GuestSpec, { node, memory }: LiveNode): Blocked | undefined {
  const wanted = memoryMb * mib;
  if (memory === undefined || wanted <= memory) return undefined;
  const advice = `memory_mb = ${memoryMb} is ${sizeText(wanted)}, and node ${node} has ${sizeText(memory)} in all. Lower memory_mb in the flake, or choose another node.`;
  return { reason: 'memory', advice };
}

function memoryFit(changes: readonly Change[], { node, freeMemory }: LiveNode): readonly string[] {
  if (freeMemory === undefined) return [];
  const more = changes.flatMap((change) => {
    const bytes = moreMemory(change);
    return bytes > 0 ? [{ change, bytes }] : [];
  });
  const all = more.reduce((sum, { bytes }) => sum + bytes, 0);
  if (all <= freeMemory) return [];
  const names = more.map(({ change }) => `${change.name} (${change.vmid})`).join(', ');
  return [
    `Node ${node} has ${sizeText(freeMemory)} of memory free now, and ${sizeText(all)} more ${more.length === 1 ? 'is' : 'are'} wanted by ${names}.`,
  ];
}

/** The memory in bytes that a guest takes beside what it has. */
function moreMemory(change: Change): number {
  if (!isRun(change)) return 0;
  const wanted = change.guest.memoryMb * mib;
  if (change.action === 'create') return change.guest.power === 'running' ? wanted : 0;
  const { live } = change;
  const runs = live.status === 'running';
  if (change.action === 'update' ? !runs && !startsGuest(change) : !endsRunning(change)) return 0;
  if (!runs) return wanted;
  return sets(change, 'memory') ? wanted - live.config.memoryMb * mib : 0;
}

function coresFit(change: Change, { node, cpus }: LiveNode): readonly string[] {
  if (!isRun(change) || change.guest.kind !== 'container' || cpus === undefined || !sets(change, 'cores')) return [];
  const { cores } = change.guest;
  if (cores <= cpus) return [];
  return [
    `${change.name} (${change.vmid}) wants cores = ${cores}, and node ${node} has ${cpus}: it gets no more than these.`,
  ];
}

/** The disks of a guest that could never be written full on a storage of this size: `a disk of web (823) has 900 GiB`. */
function largerThan(change: Change, storage: string, size: number): readonly string[] {
  if (!('guest' in change)) return [];
  return disksOf(change.guest)
    .filter((disk) => disk.storage === storage && disk.bytes > size)
    .map(({ bytes }) => `a disk of ${change.name} (${change.vmid}) has ${sizeText(bytes)}`);
}

/** The storages of a node that new disks are made on and that may run full when these are written to. */
function storageFits(changes: readonly Change[], { guests, nodes }: LiveState, on: LiveNode): readonly string[] {
  return Object.entries(on.storageFacts ?? {}).flatMap(([storage, { thin, shared = false }]) => {
    if (thin === undefined) return [];
    const sees = (node: string) => node === on.node || shared;
    // A shared storage is told once, of the first node that tells its room: one that is offline tells none.
    if (shared && nodes.find((node) => node.storageFacts?.[storage]?.thin !== undefined) !== on) return [];
    const making = changes
      .filter(({ node }) => sees(node))
      .map((change) => ({ change, disks: newDisks(change).filter((disk) => disk.storage === storage) }))
      .filter(({ disks }) => disks.length > 0);
    const added = making.flatMap(({ disks }) => disks).reduce((sum, { bytes }) => sum + bytes, 0);
    if (added === 0) return [];
    const where = `Storage "${storage}" on ${on.node}`;
    const tooLarge = making.flatMap(({ change }) => largerThan(change, storage, thin.size));
    if (tooLarge.length > 0) {
      return tooLarge.map(
        (what) => `${where} has ${sizeText(thin.size)} in all: ${what}, larger than the storage itself.`,
      );
    }
    const known = guests
      .filter(hasConfig)
      .filter(({ node }) => sees(node))
      .flatMap(volumesOf)
      .filter((volume) => volume.storage === storage)
      .reduce((sum, { sizeMb = 0 }) => sum + sizeMb * mib, 0);
    if (added + known > thin.size) {
      return [
        `${where} has ${sizeText(thin.size)}, and the disks of its known guests may grow to ${sizeText(added + known)} together.`,
      ];
    }
    return added > thin.free
      ? [`${where} has ${sizeText(thin.free)} free, and the new disks there may grow to ${sizeText(added)}.`]
      : [];
  });
}
