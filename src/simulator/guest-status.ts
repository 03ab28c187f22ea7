import { type Config, type Guest, isVolumeKey, mergedConfig, volidOf } from './guest.ts';
import { parseSize } from './sizes.ts';
import type { World } from './world.ts';

const MIB = 1024 * 1024;

/** The name lists show: the configured one, or one made of the number. */
export function guestName(guest: Guest): string {
  const name = guest.type === 'qemu' ? guest.config['name'] : guest.config['hostname'];
  return String(name ?? (guest.type === 'qemu' ? `VM ${guest.vmid}` : `CT${guest.vmid}`));
}

/** Seconds since the start, 0 when stopped. */
export function uptime(world: World, guest: Guest): number {
  return guest.startedAt === undefined ? 0 : Math.floor((world.clock.now() - guest.startedAt) / 1000);
}

/** Processors, at most those of the node. */
export function processors(world: World, guest: Guest): number {
  const { config } = guest;
  const wanted = Number(config['sockets'] ?? 1) * Number(config['cores'] ?? 1);
  const most = world.seed.nodes.find((one) => one.node === guest.node)?.maxcpu ?? wanted;
  return Math.min(wanted, most);
}

/** Bytes of memory a guest is given. */
export function maxMemory(config: Config): number {
  return Number(String(config['memory'] ?? 512).replace(/^current=/, '')) * MIB;
}

/** Bytes of the boot disk, as lists show it. */
export function maxDisk(guest: Guest): number {
  const drive = guest.type === 'lxc' ? guest.config['rootfs'] : guest.config[bootDisk(guest.config) ?? ''];
  const size = /(?:^|,)size=([^,]+)/.exec(String(drive ?? ''))?.[1];
  return (size === undefined ? undefined : parseSize(size)) ?? 0;
}

/** The first disk in the boot order that is no CD, or the first disk there is. */
export function bootDisk(config: Config): string | undefined {
  const order = bootOrder(config).filter((key) => isDisk(config, key));
  return (
    order[0] ??
    Object.keys(config)
      .filter((key) => isDisk(config, key))
      .toSorted()[0]
  );
}

/** The devices of `boot: order=a;b`. */
export function bootOrder(config: Config): string[] {
  const order = /(?:^|,)order=([^,]*)/.exec(String(config['boot'] ?? ''))?.[1] ?? '';
  return order.split(';').filter((key) => key !== '');
}

function isDisk(config: Config, key: string): boolean {
  return (
    isVolumeKey(key) && !/^(efidisk|tpmstate)/.test(key) && !/media=cdrom/.test(String(config[key] ?? 'media=cdrom'))
  );
}

/** `status/current` and the lists per node. */
export function statusOf(world: World, guest: Guest, isList: boolean): Record<string, unknown> {
  const { config } = guest;
  const isRunning = guest.startedAt !== undefined;
  const common = {
    ...{ vmid: guest.vmid, name: guestName(guest), status: isRunning ? 'running' : 'stopped' },
    ...{
      cpus: processors(world, guest),
      maxmem: maxMemory(config),
      maxdisk: maxDisk(guest),
      uptime: uptime(world, guest),
    },
    ...{ cpu: 0, mem: 0, disk: 0, netin: 0, netout: 0 },
    ...(guest.type === 'qemu' && world.version.hasMemhost ? {} : { diskread: 0, diskwrite: 0 }),
    ...(config['tags'] === undefined ? {} : { tags: config['tags'] }),
    ...(config['lock'] === undefined ? {} : { lock: config['lock'] }),
    ...(config['template'] === 1 ? { template: 1 } : {}),
    ...(guest.pid === undefined ? {} : { pid: guest.pid }),
    ...(isList ? {} : { ha: haOf(world, guest) }),
  };
  if (guest.type === 'lxc') return { ...common, type: 'lxc', swap: 0, maxswap: Number(config['swap'] ?? 512) * MIB };
  const memhost = world.version.hasMemhost ? { memhost: 0 } : {};
  if (isList) return { ...common, ...memhost };
  const merged = mergedConfig(guest);
  return {
    ...common,
    ...memhost,
    ...(isRunning && world.version.hasMemhost ? PRESSURE : {}),
    ...(isRunning ? cardsOf(guest) : {}),
    qmpstatus: isRunning ? (guest.paused ?? 'running') : 'stopped',
    ...(isAgentEnabled(merged) ? { agent: 1 } : {}),
    ...(Object.keys(config).some((key) => /^serial\d$/.test(key)) ? { serial: 1 } : {}),
  };
}

/** The counters of each card of a running VM, by the name of its tap device; without a card there is no such key. */
function cardsOf({ vmid, config }: Guest): Record<string, unknown> {
  const cards = Object.keys(config).flatMap((key) => /^net(\d+)$/.exec(key)?.[1] ?? []);
  const nics = cards.map((index) => [`tap${vmid}i${index}`, { netin: 0, netout: 0 }] as const);
  return nics.length === 0 ? {} : { nics: Object.fromEntries(nics) };
}

function haOf(world: World, { vmid }: Guest): Record<string, unknown> {
  const found = world.troubles.managed.get(vmid);
  return found === undefined || found.state === 'ignored' ? { managed: 0 } : { managed: 1, state: found.status };
}

const PRESSURE = {
  ...{ pressurecpusome: 0, pressurecpufull: 0, pressureiosome: 0 },
  ...{ pressureiofull: 0, pressurememorysome: 0, pressurememoryfull: 0 },
};

/** Whether `agent` is switched on in a configuration. */
export function isAgentEnabled(config: Config): boolean {
  return /^(?:enabled=)?1(?:,|$)/.test(String(config['agent'] ?? ''));
}

/** The volume a VM boots from. */
export function bootVolume(world: World, guest: Guest) {
  const key = bootDisk(guest.config);
  return key === undefined ? undefined : world.storages.volume(volidOf(guest.config[key]));
}

/** Behaviour by the name of a guest. The word may be any part of the name between dashes: `web-fail-start`. */
export type Sentinel =
  /** The start task fails. */
  | 'fail-start'
  /** A backup of the guest fails, in the log of the task. */
  | 'fail-backup'
  /** The start task runs into its timeout; its text holds the whole command line of QEMU (9.2.11, 3.6 kB). */
  | 'slow-start'
  /** No guest agent ever answers. */
  | 'no-agent'
  /** The agent answers, but the guest never gets an address. */
  | 'sick'
  /** The guest ignores ACPI, has no agent and lets go of no device. */
  | 'deaf';

/** Whether a guest's name holds that word. */
export function isNamed(guest: Guest, sentinel: Sentinel): boolean {
  return new RegExp(`(?:^|-)${sentinel}(?:-|$)`).test(guestName(guest));
}
