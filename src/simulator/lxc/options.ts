import { type Call, demandRight, may, text } from '../call.ts';
import { randomMac } from '../clock.ts';
import { failure, forbidden } from '../errors.ts';
import type { Config } from '../guest.ts';
import { normaliseTags } from '../guest.ts';
import { parsePropertyString, printPropertyString } from '../parameters/check.ts';
import { ruleOf, rulesOf } from '../parameters/table.ts';
import type { World } from '../world.ts';

/** Parameters of create and update that never become part of a configuration. */
const NO_OPTIONS: ReadonlySet<string> = new Set([
  ...['node', 'vmid', 'pool', 'start', 'storage', 'unique', 'force', 'restore', 'ostemplate', 'password', 'bwlimit'],
  ...['ssh-public-keys', 'ignore-unpack-errors', 'ha-managed', 'delete', 'revert', 'digest'],
]);

/** The keys of a call that are options of the container. */
export function optionKeys(call: Call): string[] {
  return [...call.given.keys()].filter((key) => !NO_OPTIONS.has(key));
}

/** `rootfs` and the mount points. */
export function isMountKey(key: string): boolean {
  return /^(?:rootfs|mp\d+)$/.test(key);
}

/** The rights for keys; on a new container those on its pool count too, but not for tags (9.2.11, 8.4.1). */
export function requireOptions(call: Call, vmid: number, keys: readonly string[], pool?: string): void {
  for (const key of keys) {
    const need = { all: [privilegeOf(key)] };
    if (pool !== undefined && key !== 'tags' && may(call, `/pool/${pool}`, need)) continue;
    demandRight(call, `/vms/${vmid}`, need);
  }
}

/** Checks restricted options: features other than nesting, and privileged containers. */
export function demandHarmless(call: Call): void {
  const features = text(call, 'features')
    .split(',')
    .filter((one) => one !== '' && !one.startsWith('nesting='));
  if (features.length > 0) throw forbidden(call.world.version.featuresRefusal);
  const isPrivileged = call.given.get('unprivileged') === '0';
  if (isPrivileged && call.world.version.privilegedContainerNeedsSysModify) {
    demandRight(call, '/', { all: ['Sys.Modify'] });
  }
}

/** The rights on the storages that new volumes lie on, and that these can hold containers. */
export function requireStorages(call: Call, keys: readonly string[]): void {
  for (const key of keys.filter(isMountKey)) {
    const [storage = '', rest = ''] = text(call, key).split(/[:,]/);
    if (storage.startsWith('/')) throw forbidden('mount point type bind is only allowed for root@pam');
    demandRight(call, `/storage/${storage}`, { all: ['Datastore.AllocateSpace'] });
    if (/^[\d.]+$/.test(rest)) demandRoot(call.world, storage);
    else call.world.storages.get(storage);
  }
}

/** Throws unless the storage holds volumes of containers. */
export function demandRoot(world: World, storage: string): void {
  if (world.storages.get(storage).content.includes('rootdir')) return;
  throw failure(`storage '${storage}' does not support container directories`);
}

/** The options as they are stored: numbers where the API answers numbers, cards with an address, a description with its line feed. */
export function storedOptions(call: Call, keys: readonly string[]): Config {
  const rules = rulesOf('@ct', call.world.version.table);
  const config: Config = {};
  for (const key of keys.filter((one) => !isMountKey(one))) {
    const type = (rules && ruleOf(rules, key))?.type;
    config[key] =
      type === 'integer' || type === 'boolean' ? Number(text(call, key)) : storedText(call.world, key, text(call, key));
  }
  return config;
}

function storedText(world: World, key: string, value: string): string {
  if (key === 'description') return `${value.replace(/\n+$/, '')}\n`;
  if (key === 'tags') return normaliseTags(value, world.tagStyle);
  if (!/^net\d+$/.test(key)) return value;
  const rules = rulesOf('net-ct', world.version.table) ?? new Map();
  const values = new Map(parsePropertyString(value, rules).values);
  values.set('hwaddr', (values.get('hwaddr') ?? randomMac(world.clock.random, world.macPrefix)).toUpperCase());
  return printPropertyString(values.set('type', 'veth'), rules);
}

function privilegeOf(key: string): string {
  if (/^(cores|cpulimit|cpuunits)$/.test(key)) return 'VM.Config.CPU';
  if (/^(memory|swap)$/.test(key)) return 'VM.Config.Memory';
  if (/^(net\d+|nameserver|searchdomain|hostname)$/.test(key)) return 'VM.Config.Network';
  if (/^(rootfs|mp\d+|unused\d+)$/.test(key)) return 'VM.Config.Disk';
  return 'VM.Config.Options';
}
