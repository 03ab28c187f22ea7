import { createHash, randomUUID } from 'node:crypto';
import { UserError } from '../core/errors.ts';
import type { DesiredGuest } from '../core/guest.ts';
import type { LiveConfig, LiveDisk, LiveGuest } from '../core/live.ts';
import { readTags, splitTags } from '../core/tags.ts';

/** A guest of the fake: its configuration is always there, its digest is made from the rest. */
export type FakeGuest = Omit<LiveGuest, 'config'> & { readonly config: Omit<LiveConfig, 'digest'> };

/** A guest as a create call leaves it: no disk yet. */
export function emptyGuest(guest: DesiredGuest, node: string, tags: string): FakeGuest {
  const base: FakeGuest = {
    kind: 'vm',
    vmid: guest.vmid,
    node,
    name: guest.name,
    status: 'stopped',
    tags: [],
    template: false,
    config: {
      uuid: randomUUID(),
      cores: 1,
      sockets: 1,
      memoryMb: 512,
      onboot: false,
      protected: false,
      description: '',
      scsiHw: 'lsi',
      disks: {},
      unused: {},
      boot: [],
      pending: [],
    },
  };
  return configured(base, guest, tags);
}

export function configured(guest: FakeGuest, wanted: DesiredGuest, tags: string): FakeGuest {
  const { cores, sockets, memoryMb, onboot, description, scsiHw, bridge, cloudInit } = wanted;
  const { cloudInit: _, ...old } = guest.config;
  const config = { ...old, cores, sockets, memoryMb, onboot, description, scsiHw, bridge };
  const waits = (['cores', 'sockets', 'memoryMb', 'scsiHw'] as const).filter((key) => config[key] !== old[key]);
  return {
    ...guest,
    name: wanted.name,
    tags: splitTags(tags),
    config: {
      ...config,
      ...(cloudInit === undefined ? {} : { cloudInit: { slot: 'ide2', storage: cloudInit.storage } }),
      pending: guest.status === 'running' ? [...old.pending, ...waits] : [],
    },
  };
}

export function withRoot(guest: FakeGuest, { diskSlot }: DesiredGuest, disk: LiveDisk): FakeGuest {
  return {
    ...guest,
    config: { ...guest.config, disks: { ...guest.config.disks, [diskSlot]: disk }, boot: [diskSlot] },
  };
}

export function rootOf(guest: FakeGuest, { diskSlot }: DesiredGuest): LiveDisk {
  const disk = guest.config.disks[diskSlot];
  if (disk === undefined) throw moved(`VM ${guest.vmid} has no disk ${diskSlot}.`);
  return disk;
}

/** Pending tags that name no image, no disk but the one imported last: never done. */
export function isHalfMade({ tags, config }: FakeGuest): boolean {
  const { pending, imageHash } = readTags(tags);
  const [disks, unused] = [Object.keys(config.disks).length, Object.keys(config.unused).length];
  return pending && imageHash === undefined && disks <= 1 && unused === 0 && !config.protected;
}

/** The real one keeps the old disk in its slot until the restart; here it is unused at once. */
export function swapped(guest: FakeGuest, wanted: DesiredGuest, tags: string): FakeGuest {
  const { unused200: volid, ...unused } = guest.config.unused;
  if (volid === undefined) throw moved(`No new root disk was handed over to VM ${guest.vmid}.`);
  const old = guest.config.disks[wanted.diskSlot]?.volid;
  const config = { ...guest.config, unused: old === undefined ? unused : { ...unused, unused0: old } };
  const pending = guest.status === 'running' ? [...config.pending, wanted.diskSlot] : [];
  const disk = { volid, storage: wanted.storage, sizeMb: wanted.diskGb * 1024 };
  return { ...withRoot({ ...guest, config: { ...config, pending } }, wanted, disk), tags: splitTags(tags) };
}

/** The old root disk in its slot again; a swap that is pending is reverted, a guest that runs the new disk is stopped. */
export function swappedBack(guest: FakeGuest, wanted: DesiredGuest, volid: string): FakeGuest {
  const { pending, unused, disks } = guest.config;
  const current = disks[wanted.diskSlot];
  if (current?.volid === volid) return guest;
  const kept = Object.entries(unused).filter(([, one]) => one !== volid);
  if (kept.length === Object.keys(unused).length)
    throw moved(`The old root disk ${volid} is not with VM ${guest.vmid}.`);
  const reverted = pending.includes(wanted.diskSlot);
  const left = current === undefined ? kept : [...kept, ['unused201', current.volid]];
  const config = {
    ...guest.config,
    unused: Object.fromEntries(left),
    pending: pending.filter((key) => key !== wanted.diskSlot),
  };
  const disk = { volid, storage: volid.split(':', 1)[0] ?? '' };
  return withRoot({ ...guest, config, status: reverted ? guest.status : 'stopped' }, wanted, disk);
}

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
