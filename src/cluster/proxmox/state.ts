import { UserError } from '../../core/errors.ts';
import { guestLabel } from '../../core/guest.ts';
import type { LiveGuest, LiveNode, LiveState } from '../../core/live.ts';
import { readTags, splitTags } from '../../core/tags.ts';
import type { MoreState } from '../cluster.ts';
import { type Api, type GuestResource, isFree, type Resource, Resources, Volumes } from './api.ts';
import { withBackupRights } from './backup-rights.ts';
import { type GuestConfig, nameOf, readConfig, tagsOf, toContainerConfig, toVmConfig } from './config.ts';
import { imageProblemsOn } from './images.ts';
import { toMib } from './property.ts';
import { isDown, NodeStates, pausedState, readResources, toStatus } from './resources.ts';
import { storageFactsOf } from './storage.ts';

/**
 * One list call, then one call for each guest that is ours or wanted; the very first time one more for the version, and
 * one for each node with guests that are not listed as running. Existence, node and tags of the list are right at once;
 * names and states in it lag by 10 s (PVE 8.4 and 9.2), so the name is taken from the configuration.
 */
export async function readState(api: Api, wanted: ReadonlySet<number>, more?: MoreState): Promise<LiveState> {
  const version = await api.version();
  for (let attempt = 1; ; attempt++) {
    const resources = await readResources(api);
    const nodes = toNodes(resources, { imageStorage: api.imageStorage, version });
    const online = onlineIn(resources);
    const guests = resources.filter(isGuest);
    const states = new NodeStates(api);
    const read = await mapLimit(guests, 6, (guest) => readGuest(api, guest, { online, wanted, states }));
    const found = read.filter((guest) => guest !== 'moved');
    if (found.length === read.length) {
      const hidden = await hiddenOf(api, wanted, found);
      return {
        guests: (more === undefined ? found : await withLosses(api, wanted, found, guests)).toSorted(
          (a, b) => a.vmid - b.vmid,
        ),
        ...(hidden.length === 0 ? {} : { hidden }),
        ...(await withBackupRights(api, more?.backups ?? [], {
          guests: found,
          nodes: nodes.map((node) => (online.has(node.node) ? node : { ...node, online: false })),
        })),
      };
    }
    // The guest was migrated or destroyed between the two calls; the next list shows it.
    if (attempt === 2)
      throw new UserError('Guests keep moving while the cluster is read.', { next: 'Plan again in a minute.' });
  }
}

/**
 * The guests that are ours and not wanted with what a destroy takes: how long they have been running, and the sizes of
 * their unused volumes, which no configuration holds.
 */
function withLosses(
  api: Api,
  wanted: ReadonlySet<number>,
  guests: readonly LiveGuest[],
  listed: readonly GuestResource[],
): Promise<readonly LiveGuest[]> {
  const uptimes = new Map(listed.map(({ vmid, uptime = 0 }) => [vmid, uptime]));
  return mapLimit(guests, 6, async (guest): Promise<LiveGuest> => {
    if (wanted.has(guest.vmid) || !readTags(guest.tags).ours || guest.config === undefined) return guest;
    const uptimeS = uptimes.get(guest.vmid) ?? 0;
    const known = guest.status === 'running' && uptimeS > 0 ? { ...guest, uptimeS } : guest;
    const unused = Object.values(guest.config.unused);
    return unused.length === 0 ? known : withUnusedMb(known, await sizesOf(api, guest, unused));
  });
}

function withUnusedMb(guest: LiveGuest, unusedMb: Record<string, number>): LiveGuest {
  if (guest.config === undefined) return guest;
  return guest.kind === 'vm'
    ? { ...guest, config: { ...guest.config, unusedMb } }
    : { ...guest, config: { ...guest.config, unusedMb } };
}

/** A storage that is away, or that the token may not look into, leaves its sizes unknown. */
async function sizesOf(
  api: Api,
  { node, vmid }: LiveGuest,
  volids: readonly string[],
): Promise<Record<string, number>> {
  const storages = [...new Set(volids.map((volid) => volid.split(':', 1)[0] ?? ''))];
  const lists = await mapLimit(storages, 2, async (storage) => {
    try {
      return await api.client.get(`/nodes/${node}/storage/${storage}/content`, Volumes, { vmid });
    } catch (error) {
      api.log.debug({ node, storage, error }, 'the sizes of unused volumes are not told');
      return [];
    }
  });
  const known = lists.flat().filter(({ volid, size }) => size > 0 && volids.includes(volid));
  return Object.fromEntries(known.map(({ volid, size }) => [volid, toMib(size)]));
}

/** The list leaves out guests that the token may not see; whether a VMID is free is told to every token. */
async function hiddenOf(api: Api, wanted: ReadonlySet<number>, found: readonly LiveGuest[]): Promise<number[]> {
  const seen = new Set(found.map(({ vmid }) => vmid));
  const missing = [...wanted].filter((vmid) => !seen.has(vmid)).sort((a, b) => a - b);
  const free = await mapLimit(missing, 6, (vmid) => isFree(api, vmid));
  return missing.filter((_, index) => free[index] === false);
}

/**
 * The list alone: one call, whatever the number of guests, as long as it has the states of ours. The node is asked for
 * those that are unknown.
 */
export async function listGuests(api: Api): Promise<readonly LiveGuest[]> {
  return guestsIn(api, await api.client.get('/cluster/resources', Resources));
}

/** The guests of a list of the cluster, by VMID. */
export async function guestsIn(api: Api, resources: readonly Resource[]): Promise<readonly LiveGuest[]> {
  const offline = new Set(
    resources.flatMap((one) => (one.type === 'node' && one.status === 'offline' ? one.node : [])),
  );
  const states = new NodeStates(api);
  const guests = resources.filter(isGuest).map(async (entry) => {
    const guest = toGuest(entry, !offline.has(entry.node));
    if (guest.status !== 'unknown' || offline.has(entry.node) || !readTags(guest.tags).ours) return guest;
    try {
      return await withPaused(api, { ...guest, status: await states.of(guest) }, entry);
    } catch (error) {
      if (!isDown(error)) throw error;
      return guest;
    }
  });
  return (await Promise.all(guests)).sort((a, b) => a.vmid - b.vmid);
}

/** Removes a node that does not answer from `online`: waiting for one of its guests is enough. */
async function readGuest(
  api: Api,
  entry: GuestResource,
  {
    online,
    wanted,
    states,
  }: { readonly online: Set<string>; readonly wanted: ReadonlySet<number>; readonly states: NodeStates },
): Promise<LiveGuest | 'moved'> {
  const guest = toGuest(entry, online.has(entry.node));
  const at = { guestKind: guest.kind, vmid: guest.vmid, node: guest.node };
  if (!online.has(entry.node) || (!readTags(guest.tags).ours && !wanted.has(entry.vmid))) return guest;
  try {
    const config = await readConfig(api, at);
    if (config === undefined) return 'moved';
    // A guest that the list does not call running may have been started less than 10 s ago.
    const status = guest.status === 'running' ? 'running' : await states.of(guest);
    return await withPaused(api, { ...withConfig(guest, config), status }, entry);
  } catch (error) {
    // When a node has just gone down, its guests are not taken for deleted and the plan does not fail.
    if (!isDown(error)) throw error;
    online.delete(entry.node);
    return { ...guest, status: 'unknown' };
  }
}

async function withPaused(api: Api, guest: LiveGuest, { status }: GuestResource): Promise<LiveGuest> {
  const paused = await pausedState(api, guest, status);
  return paused === undefined ? guest : { ...guest, paused };
}

function isGuest(entry: Resource): entry is GuestResource {
  return entry.type === 'qemu' || entry.type === 'lxc';
}

function onlineIn(resources: readonly Resource[]): Set<string> {
  return new Set(
    resources.flatMap((entry) => (entry.type === 'node' && entry.status === 'online' ? [entry.node] : [])),
  );
}

function toGuest(entry: GuestResource, online: boolean): LiveGuest {
  const isVm = entry.type === 'qemu';
  return {
    kind: isVm ? 'vm' : 'container',
    vmid: entry.vmid,
    node: entry.node,
    name: entry.name ?? `${isVm ? 'VM' : 'CT'} ${entry.vmid}`,
    status: online ? toStatus(entry.status) : 'unknown',
    tags: splitTags(entry.tags),
    ...(entry.lock === undefined ? {} : { lock: entry.lock }),
    ...(entry.hastate === undefined || entry.hastate === 'ignored' ? {} : { haState: entry.hastate }),
    ...(entry.pool === undefined || entry.pool === '' ? {} : { pool: entry.pool }),
    template: entry.template === 1,
  };
}

function withConfig(guest: LiveGuest, config: GuestConfig): LiveGuest {
  const { lock, template } = config.values;
  const { lock: _, ...rest } = guest;
  const common = { tags: tagsOf(config), ...(lock === undefined ? {} : { lock }), template: template === '1' };
  const name = nameOf(config) || guestLabel({ guestKind: guest.kind, vmid: guest.vmid });
  return rest.kind === 'vm'
    ? { ...rest, ...common, name, config: toVmConfig(config) }
    : { ...rest, ...common, name, config: toContainerConfig(config) };
}

/** Memory and CPUs are there only with Sys.Audit on the node, a storage only with Datastore.Audit on it. */
function toNodes(resources: readonly Resource[], facts: Parameters<typeof imageProblemsOn>[2]): LiveNode[] {
  const nodes = resources.filter((entry) => entry.type === 'node');
  const storages = resources.filter((entry) => entry.type === 'storage');
  return nodes
    .map(({ node, status, mem, maxmem, maxcpu }) => {
      const imageProblems = imageProblemsOn(node, storages, facts);
      const usable = storages.filter((entry) => entry.node === node && entry.status === 'available');
      const known = usable.map((entry) => [entry.storage, storageFactsOf(entry)] as const);
      const storageFacts = Object.fromEntries(known.filter(([, one]) => Object.keys(one).length > 0));
      return {
        node,
        online: status === 'online',
        ...(mem === undefined || maxmem === undefined ? {} : { memory: maxmem, freeMemory: maxmem - mem }),
        // A node that is down is listed without a figure or with 0.
        ...(maxcpu === undefined || maxcpu < 1 ? {} : { cpus: maxcpu }),
        storages: usable.map((entry) => entry.storage).sort(),
        ...(Object.keys(storageFacts).length === 0 ? {} : { storageFacts }),
        ...(imageProblems === undefined ? {} : { imageProblems }),
      };
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** Maps with at most `limit` calls under way, in the order of the items. */
export async function mapLimit<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Map<number, R>();
  const entries = items.entries();
  const worker = async () => {
    for (const [index, item] of entries) results.set(index, await work(item));
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}
