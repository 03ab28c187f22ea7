import type { GuestSpec } from './guest.ts';
import type { LiveNode } from './live.ts';

/**
 * The node for a new guest: the one the flake names, else the online node with the storage and the most free memory. One
 * that cannot get images for it is taken only where no other can: what it lacks is then what the plan says.
 * `earlier` is where the same plan put it before: free memory moves all the time and must not make a plan look drifted.
 * @returns the node, or the reason why there is none
 */
export function placeGuest(
  guest: GuestSpec,
  nodes: readonly LiveNode[],
  earlier?: string,
): { readonly node: string } | { readonly problem: string } {
  const able = nodes.filter((node) => node.online && node.storages.includes(guest.storage));
  if (guest.node !== undefined) {
    const named = nodes.find((node) => node.node === guest.node);
    if (named === undefined) return { problem: `The cluster has no node "${guest.node}".` };
    if (!named.online) return { problem: `Node ${guest.node} is offline.` };
    if (!able.includes(named)) return { problem: `Node ${guest.node} has no storage "${guest.storage}".` };
    return { node: guest.node };
  }
  const supplied = able.filter((node) => node.imageProblems?.[guest.kind] === undefined);
  const fit = supplied.length === 0 ? able : supplied;
  if (earlier !== undefined && fit.some((node) => node.node === earlier)) return { node: earlier };
  const [best] = [...fit].sort((a, b) => (b.freeMemory ?? 0) - (a.freeMemory ?? 0) || a.node.localeCompare(b.node));
  if (best === undefined) return { problem: `No node that is online has a storage "${guest.storage}".` };
  return { node: best.node };
}

/** The nodes once the guest is there: of several new ones not all go where there was room for one. */
export function withGuest(nodes: readonly LiveNode[], on: string, { memoryMb }: GuestSpec): readonly LiveNode[] {
  return nodes.map((node) =>
    node.node !== on || node.freeMemory === undefined
      ? node
      : { ...node, freeMemory: node.freeMemory - memoryMb * 2 ** 20 },
  );
}
