import type { GuestSpec } from './guest.ts';
import type { LiveNode } from './live.ts';

/**
 * The node for a new VM: the one the flake names, else the online node with the storage and the most free memory.
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
  if (earlier !== undefined && able.some((node) => node.node === earlier)) return { node: earlier };
  const [best] = [...able].sort((a, b) => (b.freeMemory ?? 0) - (a.freeMemory ?? 0) || a.node.localeCompare(b.node));
  if (best === undefined) return { problem: `No node that is online has a storage "${guest.storage}".` };
  return { node: best.node };
}
