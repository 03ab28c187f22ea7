import { createHash, randomUUID } from 'node:crypto';
import { withRootFirst } from '../../src/core/boot-order.ts';
import { UserError } from '../../src/core/errors.ts';
import { type DesiredGuest, type DesiredVm, type GuestKind, guestLabel } from '../../src/core/guest.ts';
import type {
  GuestStatus,
  LiveContainer,
  LiveContainerConfig,
  LiveDisk,
  LiveVm,
  LiveVmConfig,
} from '../../src/core/live.ts';
import { readTags, sameTags, splitTags } from '../../src/core/tags.ts';
import { heldFirmware } from '../support/disks.ts';
import { heldSettings, waitingSettings, writtenSettings } from '../support/settings.ts';

/** A guest of the fake: its configuration is always there, its digest is made from the rest. */
type FakeVm = Omit<LiveVm, 'config'> & { readonly config: Omit<LiveVmConfig, 'digest'> };
type FakeContainer = Omit<LiveContainer, 'config'> & { readonly config: Omit<LiveContainerConfig, 'digest'> };
export type FakeGuest = FakeVm | FakeContainer;

/** Tags as Proxmox stores them by default: lower case, sorted. */
export function storedTags(tags: string): string[] {
  return splitTags(tags.toLowerCase()).sort();
}

/** A guest as a create call leaves it: no disk yet. */
export function emptyGuest(guest: DesiredGuest, node: string, tags: string): FakeGuest {
  const { vmid, name } = guest;
  const listed = { vmid, node, name, status: 'stopped', tags: storedTags(tags), template: false } as const;
  const facts = { uuid: randomUUID(), protected: false, disks: {}, unused: {}, pending: [] };
  return guest.kind === 'vm'
    ? { kind: 'vm', ...listed, config: { ...heldSettings('vm', guest), ...facts, ...heldFirmware(guest), boot: [] } }
    : { kind: 'container', ...listed, config: { ...heldSettings('container', guest), ...facts } };
}

/** A guest with every setting that can be written at any time as wanted; on a running one some of them wait. */
export function configured(guest: FakeGuest, wanted: DesiredGuest, tags: string): FakeGuest {
  const named = { name: wanted.name, tags: storedTags(tags) };
  if (guest.kind === 'vm' && wanted.kind === 'vm') {
    const config = writtenConfig('vm', guest.status, guest.config, wanted);
    return { ...guest, ...named, config: { ...config, ...firmwareOf(guest, wanted), ...bootFirst(guest, wanted) } };
  }
  if (guest.kind === 'container' && wanted.kind === 'container') {
    const config = writtenConfig('container', guest.status, guest.config, wanted);
    return { ...guest, ...named, config: { ...config, unprivileged: guest.config.unprivileged } };
  }
  throw new Error(`guest ${guest.vmid} is a ${guest.kind}`);
}

/** The root disk first in the order. */
function bootFirst({ config }: FakeVm, { diskSlot }: DesiredGuest): Partial<LiveVmConfig> {
  return config.disks[diskSlot] === undefined ? {} : { boot: withRootFirst(diskSlot, config.boot) };
}

/** The firmware's disks made where they are missing; a TPM state that is taken away is kept as unused. */
function firmwareOf({ config }: FakeVm, wanted: DesiredVm): Partial<LiveVmConfig> {
  const { efi, tpm } = heldFirmware(wanted).firmware ?? {};
  const { firmware: old = {}, unused } = config;
  const gone = wanted.tpm === false ? old.tpm : undefined;
  const firmware = {
    ...(efi === undefined ? {} : { efi }),
    ...(tpm === undefined ? {} : { tpm }),
    ...(gone === undefined ? old : old.efi === undefined ? {} : { efi: old.efi }),
  };
  if (Object.keys(firmware).length === 0 && gone === undefined) return {};
  return { firmware, ...(gone === undefined ? {} : { unused: { ...unused, [freeKey(unused)]: gone.volid } }) };
}

function writtenConfig<Config extends FakeGuest['config']>(
  kind: GuestKind,
  status: GuestStatus,
  old: Config,
  wanted: DesiredGuest,
): Config {
  const { inUse = {}, ...before } = old;
  const config = { ...(writtenSettings(kind, before, wanted) as Config), protected: old.protected };
  if (status !== 'running') return { ...config, pending: [] };
  const now: Readonly<Record<string, unknown>> = { ...before, ...inUse };
  const waiting = waitingSettings(kind, now, config);
  const others = old.pending.filter((key) => !Object.hasOwn(inUse, key));
  const held = Object.fromEntries(waiting.map((key) => [key, now[key]]));
  return { ...config, pending: [...others, ...waiting], ...(waiting.length === 0 ? {} : { inUse: held }) };
}

export function withRoot(guest: FakeGuest, { diskSlot }: DesiredGuest, disk: LiveDisk): FakeGuest {
  const disks = { ...guest.config.disks, [diskSlot]: disk };
  return guest.kind === 'vm'
    ? { ...guest, config: { ...guest.config, disks, boot: [...withRootFirst(diskSlot, guest.config.boot)] } }
    : { ...guest, config: { ...guest.config, disks } };
}

/** The same guest with some of what both kinds have changed. */
export function withConfig(guest: FakeGuest, change: Partial<Common>): FakeGuest {
  return guest.kind === 'vm'
    ? { ...guest, config: { ...guest.config, ...change } }
    : { ...guest, config: { ...guest.config, ...change } };
}

/** What a stop does: nothing waits any more. */
export function withoutPending(guest: FakeGuest): FakeGuest {
  const { inUse: _, ...config } = guest.config;
  return { ...guest, config: { ...config, pending: [] } } as FakeGuest;
}

type Common = Pick<LiveVmConfig, Exclude<keyof LiveVmConfig & keyof LiveContainerConfig, 'digest'>>;

export function rootOf(guest: FakeGuest, { diskSlot }: DesiredGuest): LiveDisk {
  const disk = guest.config.disks[diskSlot];
  if (disk === undefined) throw moved(`${labelOf(guest)} has no disk ${diskSlot}.`);
  return disk;
}

/** With a root disk of the size wanted; one that is larger is refused. */
export function grown(guest: FakeGuest, wanted: DesiredGuest): FakeGuest {
  const root = rootOf(guest, wanted);
  const sizeMb = wanted.diskGb * 1024;
  if ((root.sizeMb ?? 0) > sizeMb) throw new UserError(`The root disk of ${wanted.name} has more than its disk_gb.`);
  return withRoot(guest, wanted, { ...root, sizeMb });
}

/** Pending tags that name no image, no disk but the one imported last: never done. */
export function isIncomplete({ tags, config }: FakeGuest): boolean {
  const { pending, imageHash } = readTags(tags);
  const [disks, unused] = [Object.keys(config.disks).length, Object.keys(config.unused).length];
  return pending && imageHash === undefined && disks <= 1 && unused === 0 && !config.protected;
}

/** The real one keeps the old disk in its slot until the restart; here it is unused at once. */
export function swapped(guest: FakeGuest, wanted: DesiredGuest, tags: string, kept?: string): FakeGuest {
  const key = Object.keys(guest.config.unused).find((one) =>
    kept === undefined ? one === 'unused200' : guest.config.unused[one] === kept,
  );
  const volid = guest.config.unused[key ?? ''];
  const root = guest.config.disks[wanted.diskSlot]?.volid;
  const tagged = sameTags(guest.tags, splitTags(tags));
  if (root !== undefined && (kept === undefined ? volid === undefined && tagged : kept === root)) {
    return { ...guest, tags: storedTags(tags) };
  }
  if (key === undefined || volid === undefined) {
    throw moved(
      kept === undefined
        ? `No new root disk was attached to ${labelOf(guest)}.`
        : `The disk ${kept} is not with ${labelOf(guest)}.`,
    );
  }
  const { [key]: _, ...unused } = guest.config.unused;
  const old = guest.config.disks[wanted.diskSlot]?.volid;
  const waits = guest.status === 'running' ? [...guest.config.pending, wanted.diskSlot] : [];
  const next = withConfig(guest, {
    unused: old === undefined ? unused : { ...unused, [freeKey(unused)]: old },
    pending: waits,
  });
  const disk = { volid, storage: volid.split(':', 1)[0] ?? '', sizeMb: wanted.diskGb * 1024 };
  return { ...withRoot(next, wanted, disk), tags: storedTags(tags) };
}

/** Proxmox takes the lowest one that is free. */
export function freeKey(unused: Readonly<Record<string, string>>): string {
  const free = Array.from({ length: 256 }, (_, index) => `unused${index}`).find((key) => unused[key] === undefined);
  if (free === undefined) throw new Error('no key is free for an unused volume');
  return free;
}

/** The old root disk in its slot again; a swap that is pending is reverted, a guest that runs the new disk is stopped. */
export function rolledBack(guest: FakeGuest, wanted: DesiredGuest, volid: string): FakeGuest {
  const { pending, unused, disks } = guest.config;
  const current = disks[wanted.diskSlot];
  if (current?.volid === volid) return guest;
  const kept = Object.entries(unused).filter(([, one]) => one !== volid);
  if (kept.length === Object.keys(unused).length)
    throw moved(`The old root disk ${volid} is not with ${labelOf(guest)} any more.`);
  const reverted = pending.includes(wanted.diskSlot);
  const left = current === undefined ? kept : [...kept, ['unused201', current.volid]];
  const next = withConfig(guest, {
    unused: Object.fromEntries(left),
    pending: pending.filter((key) => key !== wanted.diskSlot),
  });
  const disk = { volid, storage: volid.split(':', 1)[0] ?? '' };
  return withRoot({ ...next, status: reverted ? guest.status : 'stopped' }, wanted, disk);
}

/** Without these volumes; one that is in use stays. */
export function freed(guest: FakeGuest, volids: readonly string[]): FakeGuest {
  const used = Object.values(guest.config.disks).find((disk) => volids.includes(disk.volid));
  if (used !== undefined) throw new UserError(`${used.volid} is in use by ${labelOf(guest)}: it is not deleted.`);
  if (guest.config.protected) throw new UserError(`can't remove unused disk - protection mode enabled`);
  const left = Object.entries(guest.config.unused).filter(([, volid]) => !volids.includes(volid));
  return withConfig(guest, { unused: Object.fromEntries(left) });
}

function labelOf({ kind, vmid }: FakeGuest): string {
  return guestLabel({ guestKind: kind, vmid });
}

/** The VMID of a guest's staging guest, in the range of its own that they live in. */
export function stagingOf(vmid: number): number {
  return 900_000_000 + (vmid % 90_000_000);
}

export function digestOf({ config, tags, name }: FakeGuest): string {
  return createHash('sha1')
    .update(JSON.stringify([config, tags, name]))
    .digest('hex');
}

export function moved(message: string): UserError {
  return new UserError(message, { next: 'Nothing was written. Look at the fresh plan and approve it again.' });
}
