import { privilegesOn } from './access.ts';
import { amount, type Call, may, text } from './call.ts';
import { parameterError } from './errors.ts';
import type { Guest } from './guest.ts';
import { maxDisk, maxMemory, processors, uptime } from './guest-status.ts';
import { nodeFacts } from './nodes.ts';

/** `GET /version` */
export function readVersion(call: Call): unknown {
  const { version, release, repoid } = call.world.version;
  return { version, release, repoid };
}

/** `GET /access/permissions`: of one path, or of those with privileges and the well-known ones below a privilege on `/`. */
export function readPermissions(call: Call): unknown {
  const poolOf = (vmid: number) => call.world.poolOf(vmid);
  const of = (path: string) => Object.fromEntries(privilegesOn(call.caller, path, poolOf));
  const path = call.given.get('path');
  if (path !== undefined) return { [path]: of(path) };
  const known = ['/', '/access', '/access/groups', '/nodes', '/pool', '/sdn', '/storage', '/vms'];
  const paths = new Set([...known, ...Object.keys(call.caller.privileges)]);
  const all = [...paths].map((one) => [one, of(one)] as const);
  return Object.fromEntries(all.filter(([, privileges]) => Object.keys(privileges).length > 0));
}

/** `GET /cluster/nextid`: the lowest free number, or whether a number is free. It reserves nothing. */
export function nextId(call: Call): unknown {
  const { world } = call;
  const asked = amount(call, 'vmid');
  if (asked > 0) {
    if (world.findGuest(asked) === undefined) return String(asked);
    throw parameterError({ vmid: `VM ${asked} already exists` });
  }
  let free = 100;
  while (world.findGuest(free) !== undefined) free += 1;
  return String(free);
}

/** `GET /cluster/status`: the nodes, and the cluster when it has a name. */
export function clusterStatus(call: Call): unknown {
  const { seed, localNode, troubles } = call.world;
  const isCluster = seed.clusterName !== null;
  const nodes = seed.nodes.map((node, index) => ({
    ...{ type: 'node', id: `node/${node.node}`, name: node.node, ip: node.ip, level: '' },
    ...{ local: node.node === localNode ? 1 : 0, online: call.world.isOffline(node.node) ? 0 : 1 },
    nodeid: isCluster || seed.nodes.length > 1 ? index + 1 : 0,
  }));
  const quorate = troubles.noQuorum ? 0 : 1;
  const cluster = { type: 'cluster', id: 'cluster', name: seed.clusterName, nodes: nodes.length, version: 1, quorate };
  return isCluster ? [cluster, ...nodes] : nodes;
}

/** `GET /cluster/resources`: one list of everything the caller may see. */
export function clusterResources(call: Call): unknown {
  const type = text(call, 'type');
  const wants = (one: string) => type === '' || type === one;
  return [
    ...(type === '' ? pools(call) : []),
    ...(wants('node') ? call.world.seed.nodes.map((node) => nodeFacts(call, node)) : []),
    ...(wants('vm') ? guests(call) : []),
    ...(wants('storage') ? storages(call) : []),
  ];
}

function pools(call: Call): Record<string, unknown>[] {
  return call.world.datacenter.pools
    .filter((pool) => may(call, `/pool/${pool}`, { all: ['Pool.Audit'] }))
    .map((pool) => ({ id: `/pool/${pool}`, pool, type: 'pool' }));
}

function guests(call: Call): Record<string, unknown>[] {
  return call.world
    .guests()
    .filter((guest) => isVisible(call, guest))
    .map((guest) => guestFacts(call, guest));
}

/**
 * Tags, lock and pool are current. The other fields appear with the first round of statistics that includes the guest; state
 * and name are those of the last round.
 */
export function guestFacts(call: Call, guest: Guest): Record<string, unknown> {
  const { world } = call;
  const { tags, lock } = guest.config;
  const resource = world.troubles.managed.get(guest.vmid);
  const hastate = resource?.status ?? resource?.state;
  const seesPool = guest.pool !== undefined && may(call, `/pool/${guest.pool}`, { all: ['Pool.Audit'] });
  const bare = {
    ...{ id: `${guest.type}/${guest.vmid}`, vmid: guest.vmid, node: guest.node, type: guest.type, status: 'unknown' },
    ...(tags === undefined ? {} : { tags }),
    ...(lock === undefined ? {} : { lock }),
    ...(hastate === undefined ? {} : { hastate }),
    ...(seesPool ? { pool: guest.pool } : {}),
  };
  const reported = world.statistics.of(guest.vmid);
  if (reported === undefined || isUnknown(call, guest.node)) return bare;
  return {
    ...bare,
    // The list says `paused` where all other answers say `running` (9.2.11).
    ...{ status: reported.isPaused ? 'paused' : reported.isRunning ? 'running' : 'stopped', name: reported.name },
    ...{ uptime: reported.isRunning ? uptime(world, guest) : 0, template: guest.config['template'] === 1 ? 1 : 0 },
    ...{ maxcpu: processors(world, guest), maxmem: maxMemory(guest.config), maxdisk: maxDisk(guest) },
    ...{ cpu: 0, mem: 0, disk: 0, netin: 0, netout: 0, diskread: 0, diskwrite: 0 },
    ...(world.version.hasMemhost ? { memhost: 0 } : {}),
  };
}

/** The storages of each node. Of a node that is off only names and configuration are known. */
function storages(call: Call): Record<string, unknown>[] {
  const any = ['Datastore.Audit', 'Datastore.AllocateSpace'];
  const { world } = call;
  return world.seed.nodes.flatMap(({ node }) => {
    const own = world.storages.on(node);
    const visible = own.here().filter((one) => one.enabled && may(call, `/storage/${one.storage}`, { any }));
    return visible.map((one) => {
      const { used, total } = own.space(one.storage);
      const { storage, content, shared, type: plugintype } = one;
      const known = { id: `storage/${node}/${storage}`, storage, node, type: 'storage', plugintype };
      const configured = { ...known, content: content.join(','), shared: shared ? 1 : 0 };
      if (isUnknown(call, node)) return { ...configured, status: 'unknown' };
      return { ...configured, status: 'available', disk: used, maxdisk: total };
    });
  });
}

/** Statistics that are five minutes old, and those of a node that is off, are dropped (PVE::API2Tools, 9.2.11). */
function isUnknown({ world }: Call, node: string): boolean {
  return world.isOffline(node) || world.troubles.statisticsDown;
}

/** Whether the caller sees a guest in lists. */
export function isVisible(call: Call, guest: Guest): boolean {
  return may(call, `/vms/${guest.vmid}`, { all: ['VM.Audit'] });
}
