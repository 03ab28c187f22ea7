import { type Call, may, text } from './call.ts';
import type { SeedNode } from './seed.ts';

/** `GET /nodes`: without Sys.Audit on a node only that it is there. */
export function listNodes(call: Call): unknown {
  const { seed } = call.world;
  return seed.nodes.map((node) => ({ ...nodeFacts(call, node), ssl_fingerprint: call.world.fingerprint }));
}

/** One node as lists show it. */
export function nodeFacts(call: Call, node: SeedNode): Record<string, unknown> {
  const isOffline = call.world.isOffline(node.node);
  const { statisticsDown } = call.world.troubles;
  const status = isOffline ? 'offline' : statisticsDown ? 'unknown' : 'online';
  const bare = { id: `node/${node.node}`, node: node.node, type: 'node', status, level: '' };
  if (!may(call, `/nodes/${node.node}`, { all: ['Sys.Audit'] }) || status !== 'online') return bare;
  const uptime = secondsUp(call);
  return { ...bare, maxcpu: node.maxcpu, maxmem: node.maxmem, cpu: 0, mem: memoryUsed(call, node), uptime, ...DISK };
}

/** `GET /nodes/{node}/status` */
export function nodeStatus(call: Call): unknown {
  const { version, repoid } = call.world.version;
  const node = call.world.seed.nodes.find((one) => one.node === text(call, 'node'));
  if (node === undefined) return undefined;
  const used = memoryUsed(call, node);
  const free = node.maxmem - used;
  return {
    ...{ pveversion: `pve-manager/${version}/${repoid}`, kversion: 'Linux 0.0.0-0-pve #1 SMP PREEMPT_DYNAMIC' },
    ...{ uptime: secondsUp(call), cpu: 0, wait: 0, idle: 0, loadavg: ['0.10', '0.10', '0.10'] },
    memory: { total: node.maxmem, used, free, available: free },
    swap: { total: 0, used: 0, free: 0 },
    rootfs: { total: DISK.maxdisk, used: DISK.disk, free: DISK.maxdisk - DISK.disk, avail: DISK.maxdisk - DISK.disk },
    ksm: { shared: 0 },
    cpuinfo: {
      ...{
        cpus: node.maxcpu,
        cores: node.maxcpu,
        sockets: 1,
        model: 'AMD EPYC',
        mhz: '2600.000',
        vendor: 'AuthenticAMD',
      },
      ...{ family: '26', flags: 'fpu sse sse2', user_hz: 100, hvm: '' },
    },
    'boot-info': { mode: 'legacy-bios' },
    'current-kernel': KERNEL,
  };
}

/** `GET /nodes/{node}/network`: the bridges, or with `any_bridge` those the caller may use. */
export function listNetwork(call: Call): unknown {
  const isVisible = (name: string) =>
    text(call, 'type') === '' || may(call, `/sdn/zones/localnetwork/${name}`, { any: ['SDN.Audit', 'SDN.Use'] });
  return call.world.seed.bridges
    .filter((one) => one.node === text(call, 'node') && isVisible(one.iface))
    .map((one, index) => {
      const [address, netmask] = (one.cidr ?? '').split('/');
      return {
        ...{ iface: one.iface, type: 'bridge', active: 1, autostart: 1, priority: 3 + index, families: ['inet'] },
        ...{ method: one.cidr === undefined ? 'manual' : 'static', method6: 'manual' },
        ...{ bridge_ports: one.uplink === true ? 'eno1' : '', bridge_stp: 'off', bridge_fd: '0' },
        ...(one.cidr === undefined ? {} : { cidr: one.cidr, address, netmask }),
      };
    });
}

const DISK = { disk: 32_844_111_872, maxdisk: 270_553_174_016 };
const KERNEL = { sysname: 'Linux', release: '0.0.0-0-pve', version: '#1 SMP PREEMPT_DYNAMIC', machine: 'x86_64' };

function secondsUp(call: Call): number {
  return Math.floor((call.world.clock.now() - call.world.bootedAt) / 1000) + 60;
}

/** A gigabyte for the node, and what its running guests were given. */
function memoryUsed(call: Call, node: SeedNode): number {
  const running = call.world.guests().filter((guest) => guest.node === node.node && guest.startedAt !== undefined);
  const given = running.reduce((sum, guest) => sum + Number(guest.config['memory'] ?? 512) * 1024 * 1024, 1024 ** 3);
  return Math.min(given, node.maxmem);
}
