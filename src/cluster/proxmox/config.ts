import { optionsOf } from '../../core/data-disks.ts';
import { UserError } from '../../core/errors.ts';
import { type GuestKind, type GuestRef, guestLabel } from '../../core/guest.ts';
import { unlockAdvice } from '../../core/guest-ref.ts';
import type { LiveConfig, LiveContainerConfig, LiveDisk, LiveVmConfig } from '../../core/live.ts';
import type { StepSpec } from '../../core/steps.ts';
import { readTags, splitTags } from '../../core/tags.ts';
import { cut } from '../../lib/text.ts';
import type { ClusterMonitor, Precondition } from '../cluster.ts';
import { type Api, guestPath, isFree, Pending, type PendingEntry } from './api.ts';
import { toLiveDisk } from './disk-options.ts';
import { isMissing, ProxmoxError } from './errors.ts';
import { readFirmware } from './firmware.ts';
import { isCloudInit, type Property, readDrive, readProperty, type Values } from './property.ts';
import { isSettingKey, pendingSettings, readSettings } from './settings.ts';

/** A guest's configuration as text by key. */
export interface GuestConfig {
  readonly guestKind: GuestKind;
  readonly digest: string;
  /** The values with pending changes applied, as they will be after a stop and start. */
  readonly values: Values;
  /** The current values, which hold while the guest goes on running. */
  readonly current: Values;
  /** Keys with a value that waits for a stop and start. */
  readonly pending: readonly string[];
}

/** Reads values, pending values and digest in one call. `undefined`: the guest does not exist on this node. */
export async function readConfig(api: Api, at: GuestRef): Promise<GuestConfig | undefined> {
  try {
    return toConfig(at.guestKind, await api.client.get(`${guestPath(at)}/pending`, Pending));
  } catch (error) {
    if (isMissing(error)) return undefined;
    // To a token with rights on a pool only, Proxmox answers for a missing guest as for one that it may not see.
    const hidden = error instanceof ProxmoxError && error.status === 403;
    if (hidden && (await isFree(api, at.vmid))) return undefined;
    throw error;
  }
}

/** An answer of `GET /nodes/{node}/{type}/{vmid}/pending` by key: with and without what is pending. */
export function toConfig(guestKind: GuestKind, entries: readonly PendingEntry[]): GuestConfig {
  const [digest] = entries.filter((entry) => entry.key === 'digest');
  const options = entries.filter((entry) => entry.key !== 'digest');
  const waiting = options.filter((entry) => entry.pending !== undefined || entry.delete !== undefined);
  return {
    guestKind,
    digest: digest?.value ?? '',
    values: valuesOf(
      options.filter((entry) => entry.delete === undefined).map(({ key, value, pending }) => [key, pending ?? value]),
    ),
    current: valuesOf(options.map(({ key, value }) => [key, value])),
    pending: waiting.map((entry) => entry.key).sort(),
  };
}

function valuesOf(entries: readonly (readonly [string, string | undefined])[]): Values {
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

/** The fields of both kinds of guests, and those of one kind; absent keys have Proxmox's defaults. */
export function toLiveConfig(config: GuestConfig): LiveConfig {
  return config.guestKind === 'vm' ? toVmConfig(config) : toContainerConfig(config);
}

/** The configuration of a VM as the core knows it. */
export function toVmConfig(config: GuestConfig): LiveVmConfig {
  const { name: _, ...settings } = readSettings('vm', config.values);
  const drives = slotsOf(config.values, driveSlots.vm);
  const cds = drives.flatMap(([slot, drive]) => (isDisk(drive) || isCloudInit(drive) ? [] : [slot]));
  const cloudInit = drives.flatMap(([slot, drive]) => (isCloudInit(drive) ? [slot] : []));
  const firmware = readFirmware(config.values);
  return {
    ...commonOf(config),
    ...settings,
    disks: disksIn(config, config.values),
    boot: bootOrder(config.values['boot']),
    ...(cds.length + cloudInit.length === 0 ? {} : { cds: [...cds, ...cloudInit] }),
    ...(firmware === undefined ? {} : { firmware }),
  };
}

/**
 * The configuration of a container as the core knows it. A bind mount is listed among the disks under its path. It is
 * no volume, but a new container has none.
 */
export function toContainerConfig(config: GuestConfig): LiveContainerConfig {
  const { name: _, ...settings } = readSettings('container', config.values);
  const disks = disksIn(config, config.values);
  const attached = new Set(Object.values(disks).map((disk) => disk.volid));
  const { unused, ...common } = commonOf(config);
  return {
    ...common,
    ...settings,
    disks,
    // The volume of a pending root is listed as unused until the restart that makes it the root.
    unused: Object.fromEntries(Object.entries(unused).filter(([, volid]) => !attached.has(volid))),
  };
}

const driveSlots = { vm: /^(?:ide|sata|scsi|virtio)\d+$/, container: /^(?:rootfs|mp\d+)$/ } as const;

/** The disks in slots, without CDs and cloud-init: as they are, or as they will be, by the values that are given. */
export function disksIn({ guestKind }: Pick<GuestConfig, 'guestKind'>, values: Values): LiveConfig['disks'] {
  const drives = slotsOf(values, driveSlots[guestKind]);
  const disks = guestKind === 'vm' ? drives.filter(([, drive]) => isDisk(drive)) : drives;
  return Object.fromEntries(disks.map(([slot, drive]) => [slot, toLiveDisk(guestKind, drive)]));
}

/** What the next restart does to the disks: those that leave their slots, and what differs in the others. */
function waitingOf(config: GuestConfig): Pick<LiveConfig, 'leaving' | 'waiting'> {
  const [now, then] = [disksIn(config, config.current), disksIn(config, config.values)];
  const slots = config.pending.filter((key) => driveSlots[config.guestKind].test(key));
  const leaving = slots.flatMap((slot) => {
    const disk = now[slot];
    return disk === undefined || then[slot] !== undefined ? [] : [[slot, disk] as const];
  });
  const waiting = slots.flatMap((slot) => {
    const disk = then[slot];
    return disk === undefined ? [] : [[slot, differencesOf(config.guestKind, now[slot], disk)] as const];
  });
  return {
    ...(leaving.length === 0 ? {} : { leaving: Object.fromEntries(leaving) }),
    ...(waiting.length === 0 ? {} : { waiting: Object.fromEntries(waiting) }),
  };
}

function differencesOf(kind: GuestKind, now: LiveDisk | undefined, then: LiveDisk): readonly string[] {
  const options = optionsOf(kind).filter((name) => now?.options?.[name] !== then.options?.[name]);
  return now?.volid === then.volid ? options : ['volume', ...options];
}

function commonOf(config: GuestConfig) {
  const uuid = identityOf(config);
  return {
    digest: config.digest,
    ...(uuid === undefined ? {} : { uuid }),
    ...waitingOf(config),
    unused: Object.fromEntries(Object.entries(config.values).filter(([key]) => /^unused\d+$/.test(key))),
    ...waitingSettings(config),
    ...otherPending(config),
  };
}

/** The settings that wait for a restart, with their values of now. */
function waitingSettings(config: GuestConfig): Pick<LiveConfig, 'pending' | 'inUse'> {
  const pending = pendingSettings(config.guestKind, config);
  if (pending.length === 0) return { pending };
  const now = Object.entries(readSettings(config.guestKind, config.current));
  return { pending, inUse: Object.fromEntries(now.filter(([key]) => pending.includes(key))) };
}

/** What waits beside the settings: a restart makes it real, whoever wrote it. Volumes are told by the disks. */
function otherPending({ guestKind, pending, values }: GuestConfig): Pick<LiveConfig, 'otherPending'> {
  const others = pending.filter((key) => !isSettingKey(guestKind, key) && !/^unused\d+$/.test(key));
  if (others.length === 0) return {};
  return { otherPending: others.map((key) => ({ key, to: cut(values[key] ?? '', 200) })) };
}

/** As they stand, without doubles. */
export function tagsOf({ values }: Pick<GuestConfig, 'values'>): string[] {
  return splitTags(values['tags'] ?? '');
}

/** The name of the guest; empty where none is set. */
export function nameOf({ guestKind, values }: Pick<GuestConfig, 'guestKind' | 'values'>): string {
  return readSettings(guestKind, values).name;
}

/**
 * The identity of the guest, which differs from that of another guest under the same VMID: the SMBIOS UUID of a VM. A
 * container has none, so it is the MAC address of net0, which is generated for each new container.
 */
export function identityOf({ guestKind, values }: Pick<GuestConfig, 'guestKind' | 'values'>): string | undefined {
  return guestKind === 'vm'
    ? readProperty(values['smbios1'] ?? '', 'uuid').get('uuid')
    : readProperty(values['net0'] ?? '', 'name').get('hwaddr');
}

function slotsOf(values: Values, slots: RegExp): [string, Property][] {
  return Object.entries(values).flatMap(([key, text]) => (slots.test(key) ? [[key, readDrive(text)]] : []));
}

function isDisk(drive: Property): boolean {
  return drive.get('media') !== 'cdrom' && !isCloudInit(drive) && (drive.get('file') ?? 'none') !== 'none';
}

/** The slots of `boot: order=scsi0;net0`; none where the order has an older form or is empty. */
export function bootOrder(text = ''): string[] {
  const order = readProperty(text, 'legacy').get('order');
  return order === undefined ? [] : order.split(';').filter((slot) => slot !== '');
}

const planAgain = 'Nothing was written. Look at the fresh plan and approve it again.';

/**
 * Reads the guest and compares it with the precondition: same identity, tag `proxnix`, same digest. Waits for a backup
 * to end, because its lock changes the digest while it runs.
 */
export async function checkGuest(api: Api, at: GuestRef, precondition: Precondition): Promise<GuestConfig> {
  const config = await readUnlocked(api, at);
  if (config === undefined)
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: planAgain });
  checkIdentity(at, precondition, config);
  checkUnchanged(at, precondition, config);
  return config;
}

/** Compares identity and digest of a guest that is not ours yet. */
export async function checkForeign(api: Api, at: GuestRef, precondition: Precondition): Promise<GuestConfig> {
  const config = await readUnlocked(api, at);
  if (config === undefined)
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: planAgain });
  checkUnchanged(at, precondition, config);
  return config;
}

/** Compares identity and tag only, because the guest's own writes change its digest. */
export function checkIdentity(at: GuestRef, precondition: Precondition, config: GuestConfig): void {
  checkMachine(at, precondition, config);
  if (!readTags(tagsOf(config)).ours) {
    throw new UserError(`${guestLabel(at)} does not carry the tag "proxnix" any more: it is not touched.`, {
      next: 'If it shall be managed again, take it over with /proxnix adopt.',
    });
  }
}

/** Compares the identity only, for a guest that has no tags yet. */
export function checkUnchanged(at: GuestRef, precondition: Precondition, config: GuestConfig): void {
  checkMachine(at, precondition, config);
  if (config.digest === precondition.digest) return;
  throw new UserError(`${guestLabel(at)} was changed by somebody else since the plan.`, { next: planAgain });
}

function checkMachine(at: GuestRef, precondition: Precondition, config: GuestConfig): void {
  if ((identityOf(config) ?? '') === precondition.uuid) return;
  const what = at.guestKind === 'vm' ? 'SMBIOS UUID' : 'MAC address';
  throw new UserError(`${guestLabel(at)} is another machine than planned: its ${what} differs.`, { next: planAgain });
}

/** The precondition for the next step: the state of the guest after this one. */
export async function preconditionOf(api: Api, at: GuestRef): Promise<Precondition> {
  const config = await readConfig(api, at);
  if (config === undefined)
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: planAgain });
  return { ...at, uuid: identityOf(config) ?? '', digest: config.digest };
}

/** The precondition after a step. Throws when another guest has taken the VMID meanwhile. */
export async function nextPrecondition(api: Api, at: GuestRef, precondition: Precondition): Promise<Precondition> {
  const config = await readConfig(api, at);
  if (config === undefined)
    throw new UserError(`${guestLabel(at)} is not on ${at.node} any more.`, { next: planAgain });
  checkIdentity(at, precondition, config);
  return { ...precondition, digest: config.digest };
}

async function readUnlocked(api: Api, at: GuestRef): Promise<GuestConfig | undefined> {
  const until = api.now() + api.timeouts.busyMs;
  for (;;) {
    const config = await readConfig(api, at);
    const lock = config?.values['lock'];
    if (lock === undefined) return config;
    if (api.now() >= until) {
      throw new UserError(`${guestLabel(at)} is locked (${lock}).`, {
        next: `Wait until the ${lock} is done; ${unlockAdvice(at, lock)}.`,
      });
    }
    await api.sleep(2000);
  }
}

/** A step of one kind, with its fields. */
export type StepOf<Kind extends StepSpec['kind']> = Extract<StepSpec, { readonly kind: Kind }>;

/** A step on an existing guest, which is compared with its precondition before any write. */
export interface Doing<Kind extends StepSpec['kind']> {
  readonly api: Api;
  readonly step: StepOf<Kind>;
  readonly precondition: Precondition;
  readonly monitor: ClusterMonitor;
}
