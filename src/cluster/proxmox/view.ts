import type { SeenNode, SeenStorage } from '../../views/overview.ts';
import type { ClusterView, SeenGuest } from '../cluster.ts';
import { type Api, type Resource, Resources, type StorageResource } from './api.ts';
import { guestsIn } from './state.ts';

/** The cluster as people look at it, from its list alone. */
export async function viewCluster(api: Api, origin: string): Promise<ClusterView> {
  const resources = await api.client.get('/cluster/resources', Resources);
  const links = linksOf(origin);
  const uptimes = new Map(resources.flatMap((one) => ('vmid' in one ? [[one.vmid, one.uptime] as const] : [])));
  const guests = (await guestsIn(api, resources)).map((guest): SeenGuest => {
    const uptime = guest.status === 'running' ? uptimes.get(guest.vmid) : undefined;
    const url = links(`${guest.kind === 'vm' ? 'qemu' : 'lxc'}/${guest.vmid}`);
    return { guest, ...(uptime === undefined ? {} : { uptime }), url };
  });
  return { guests, nodes: nodesIn(resources, links), storages: storagesIn(resources, links) };
}

type Links = (id: string) => string;

/** The web interface opens the entry of its tree that stands behind the `#` (PVE 8.4 and 9.2). */
function linksOf(origin: string): Links {
  return (id) => new URL(`/#v1:0:=${encodeURIComponent(id)}`, origin).href;
}

function nodesIn(resources: readonly Resource[], links: Links): readonly SeenNode[] {
  return resources
    .flatMap((one) => (one.type === 'node' ? [one] : []))
    .map(({ node, status, mem, maxmem, maxcpu, uptime }): SeenNode => {
      const online = status === 'online';
      return {
        node,
        online,
        ...(online && mem !== undefined && maxmem !== undefined ? { memory: { used: mem, total: maxmem } } : {}),
        ...(maxcpu === undefined || maxcpu < 1 ? {} : { cpus: maxcpu }),
        ...(online && uptime !== undefined && uptime > 0 ? { uptime } : {}),
        url: links(`node/${node}`),
      };
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** A shared storage is listed once for each node. */
function storagesIn(resources: readonly Resource[], links: Links): readonly SeenStorage[] {
  const groups = new Map<string, StorageResource[]>();
  for (const one of resources) {
    if (one.type !== 'storage') continue;
    const key = one.shared === 1 ? one.storage : `${one.storage} ${one.node}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => storageOf(group, links));
}

function storageOf(group: readonly StorageResource[], links: Links): SeenStorage {
  const nodes = group.map(({ node }) => node).sort();
  const { storage = '', plugintype: type = '' } = group[0] ?? {};
  const active = group.find(({ status, maxdisk = 0 }) => status === 'available' && maxdisk > 0);
  return {
    storage,
    nodes,
    type,
    ...(active?.disk === undefined || active.maxdisk === undefined
      ? {}
      : { space: { used: active.disk, total: active.maxdisk } }),
    url: links(`storage/${nodes[0]}/${storage}`),
  };
}
