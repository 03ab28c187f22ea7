import type { GuestStatus, LiveGuest } from '../../core/live.ts';
import {
  type Api,
  CurrentStatus,
  GuestsOfNode,
  guestPath,
  guestsPath,
  type Resource,
  Resources,
  StoragesOfNode,
} from './api.ts';
import { ProxmoxError } from './errors.ts';

/**
 * The list of the whole cluster. Nodes, guests and storages of a node whose statistics daemon hangs are `unknown` in it
 * (PVE::API2Tools 8.4 and 9.x), which is not `offline`: such a node is asked itself.
 */
export async function readResources(api: Api): Promise<readonly Resource[]> {
  const resources = await api.client.get('/cluster/resources', Resources);
  const answers = new Map<string, ReadonlySet<string> | undefined>();
  for (const node of silentNodes(resources)) answers.set(node, await activeStorages(api, node));
  return resources.map((entry) => {
    if ((entry.type !== 'node' && entry.type !== 'storage') || !answers.has(entry.node)) return entry;
    const active = answers.get(entry.node);
    if (entry.type === 'node') return { ...entry, status: active === undefined ? 'offline' : 'online' };
    return active?.has(entry.storage) === true ? { ...entry, status: 'available' } : entry;
  });
}

/** The nodes that are not known to be offline and of which there are no statistics. */
function silentNodes(resources: readonly Resource[]): readonly string[] {
  const storages = resources.filter((entry) => entry.type === 'storage');
  return resources.flatMap((entry) => {
    if (entry.type !== 'node' || entry.status === 'offline') return [];
    const own = storages.filter(({ node }) => node === entry.node);
    const isSilent = entry.status !== 'online' || (own.length > 0 && own.every(({ status }) => status === 'unknown'));
    return isSilent ? [entry.node] : [];
  });
}

/** The storages that a node can use; `undefined` when the node is down. */
async function activeStorages(api: Api, node: string): Promise<ReadonlySet<string> | undefined> {
  try {
    const storages = await api.client.get(`/nodes/${node}/storage`, StoragesOfNode);
    return new Set(storages.flatMap(({ storage, active }) => (active === 1 ? [storage] : [])));
  } catch (error) {
    if (isDown(error)) return undefined;
    throw error;
  }
}

/** The states of guests as their nodes tell them; each node is asked once for each kind. */
export class NodeStates {
  readonly #api: Api;
  readonly #lists = new Map<string, Promise<ReadonlyMap<number, GuestStatus>>>();

  constructor(api: Api) {
    this.#api = api;
  }

  /** `unknown` also for a guest that the node does not list. Throws where the node is down. */
  async of({ kind, node, vmid }: LiveGuest): Promise<GuestStatus> {
    const path = guestsPath({ guestKind: kind, node });
    const list = this.#lists.get(path) ?? this.#read(path);
    this.#lists.set(path, list);
    return (await list).get(vmid) ?? 'unknown';
  }

  async #read(path: string): Promise<ReadonlyMap<number, GuestStatus>> {
    const guests = await this.#api.client.get(path, GuestsOfNode);
    return new Map(guests.map(({ vmid, status }) => [vmid, toStatus(status)]));
  }
}

/** Proxmox's answers when the node of the path cannot be reached. */
export function isDown(error: unknown): boolean {
  return error instanceof ProxmoxError && [595, 596].includes(error.status);
}

/**
 * The state of QEMU of a VM that is running and stands still; `undefined` for every other guest. The list of the cluster
 * tells it (pvestatd of PVE 9.2), 10 s late, so that a VM which was resumed meanwhile is asked itself.
 * @param listed the state in the list of the cluster
 */
export async function pausedState(api: Api, guest: LiveGuest, listed: string): Promise<string | undefined> {
  const { kind, node, vmid, status } = guest;
  if (kind !== 'vm' || status !== 'running' || ['running', 'stopped', 'unknown'].includes(listed)) return undefined;
  const path = `${guestPath({ guestKind: kind, node, vmid })}/status/current`;
  const { qmpstatus = 'running' } = await api.client.get(path, CurrentStatus);
  return qmpstatus === 'running' || qmpstatus === 'stopped' ? undefined : qmpstatus;
}

/** A state as a list tells it; a paused VM has none of the two. */
export function toStatus(text: string): GuestStatus {
  return text === 'running' || text === 'stopped' ? text : 'unknown';
}
