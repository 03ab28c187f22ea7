import { createHash } from 'node:crypto';

/** A configuration: each key with the type the API answers it in. */
export type Config = Record<string, string | number>;

/** One snapshot: the configuration of that moment and its description. */
export interface Snapshot {
  readonly config: Config;
  readonly snaptime: number;
  readonly description: string;
  readonly parent: string | undefined;
}

/** A guest of the simulator. Its fields change, under the guest's lock. */
export interface Guest {
  readonly type: 'qemu' | 'lxc';
  readonly vmid: number;
  node: string;
  config: Config;
  pending: Config;
  pendingDelete: string[];
  snapshots: Record<string, Snapshot>;
  pool: string | undefined;
  /** Since when it runs, in milliseconds; undefined when it is stopped. */
  startedAt: number | undefined;
  pid: number | undefined;
  /** The `qmpstatus` of a running VM whose processors stand still: `paused`, `io-error`. */
  paused?: string;
  /** The disk that a running VM booted from was pulled out of it: nothing in it answers any more. */
  rootless?: true;
  /** Slots whose device a running VM has lost, while their controller, and so the configuration, still has it. */
  lost?: readonly string[];
  /** What the cloud-init drive of a running VM says. */
  drive?: Config;
}

/** A guest that does not run any more, with what was so only while it ran. */
export function switchedOff(guest: Guest): void {
  guest.startedAt = undefined;
  guest.pid = undefined;
  delete guest.paused;
  delete guest.rootless;
  delete guest.lost;
  delete guest.drive;
}

/** A guest with that configuration, stopped, without anything pending. */
export function newGuest(type: 'qemu' | 'lxc', vmid: number, node: string, config: Config, pool?: string): Guest {
  return {
    ...{ type, vmid, node, config, pool },
    ...{ pending: {}, pendingDelete: [], snapshots: {}, startedAt: undefined, pid: undefined },
  };
}

/** The configuration with its pending changes, as `GET config` answers it. */
export function mergedConfig(guest: Guest): Config {
  const merged = { ...guest.config, ...guest.pending };
  for (const key of guest.pendingDelete) delete merged[key];
  return merged;
}

/** `scsi0`, `ide2`, `efidisk0`: whether a key names a volume; in a container `rootfs` and `mp0` do. */
export function isVolumeKey(key: string): boolean {
  return /^(?:(?:ide|scsi|sata|virtio)\d+|efidisk0|tpmstate0|rootfs|mp\d+)$/.test(key);
}

/** `unused3` */
export function isUnusedKey(key: string): boolean {
  return /^unused\d+$/.test(key);
}

/** The volume of a drive or mount point: its first part, with or without `file=` or `volume=`. */
export function volidOf(value: string | number | undefined): string {
  return String(value ?? '')
    .replace(/,.*$/s, '')
    .replace(/^(?:file|volume)=/, '');
}

/** The key under which a volume is used now or soon, `unused<n>` aside. */
export function slotOf(config: Config, volid: string): string | undefined {
  return Object.keys(config).find((key) => isVolumeKey(key) && volidOf(config[key]) === volid);
}

/** Lists a volume as unused, under the lowest free number, unless it is listed already. */
export function addUnused(config: Config, volid: string): string {
  const known = Object.keys(config).find((key) => isUnusedKey(key) && volidOf(config[key]) === volid);
  if (known !== undefined) return known;
  let index = 0;
  while (config[`unused${index}`] !== undefined) index += 1;
  config[`unused${index}`] = volid;
  return `unused${index}`;
}

/** Takes a volume from the list of unused ones. */
export function removeUnused(config: Config, volid: string): void {
  for (const key of Object.keys(config)) if (isUnusedKey(key) && volidOf(config[key]) === volid) delete config[key];
}

/** The single tags of a list with any of the separators the server takes. */
export function splitTags(text: string): string[] {
  return text.split(/[,;\s\0]+/).filter((tag) => tag !== '');
}

/**
 * Tags as an update stores them (9.2.11, 8.4.1): lower case, sorted, without doubles, joined with `;`.
 * An empty list is stored as one space.
 * @param style the datacenter option `tag-style`: `case-sensitive=1` keeps the case, `ordering=config` the order sent
 */
export function normaliseTags(text: string, style = ''): string {
  const tags = [...new Set(splitTags(/case-sensitive"?[=:]1/.test(style) ? text : text.toLowerCase()))];
  return (/ordering"?[=:]"?config/.test(style) ? tags : tags.toSorted()).join(';') || ' ';
}

/**
 * SHA-1 of the configuration file's text: description as comment lines, keys by name, then pending changes and snapshots
 * as sections. Recorded containers, which hold no random values, give the recorded digests.
 */
export function digestOf(guest: Guest): string {
  return createHash('sha1').update(fileText(guest)).digest('hex');
}

function fileText(guest: Guest): string {
  const deletes = guest.pendingDelete.toSorted().join(',');
  const pending = `${deletes === '' ? '' : `delete: ${deletes}\n`}${section(guest.pending)}`;
  const heading = guest.type === 'qemu' ? 'PENDING' : 'pve:pending';
  const snapshots = Object.entries(guest.snapshots)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `\n[${name}]\n#${one.description}\n${section(one.config)}snaptime: ${one.snaptime}\n`);
  return [section(guest.config), pending === '' ? '' : `\n[${heading}]\n${pending}`, ...snapshots].join('');
}

/** One part of a configuration file: the description as comment lines, then the keys by name. */
export function section(config: Config): string {
  const { description, ...rest } = config;
  const comment = String(description ?? '')
    .split('\n')
    .filter((line, index, lines) => line !== '' || index < lines.length - 1)
    .map((line) => `#${encodeURI(line).replaceAll('%20', ' ')}\n`);
  const lines = Object.entries(rest)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value}\n`);
  return [...comment, ...lines].join('');
}
