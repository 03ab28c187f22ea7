import type { GuestKind } from '../../../../src/core/guest.ts';
import type { Guest } from '../../../../src/simulator/guest.ts';
import { aFlakeEntry } from '../../../support/builders.ts';
import { present } from '../fleet.ts';
import type { Declared, KillWorld } from './world.ts';

/** What the stories need to know of a kind of guest. */
export interface KindOfGuest {
  readonly kind: GuestKind;
  /** `VM` or `CT`: what the API calls it in a path. */
  readonly api: 'qemu' | 'lxc';
  readonly rootSlot: string;
  /** What must stay the same for as long as the machine lives. */
  readonly identity: (guest: Guest) => unknown;
  /** A disk that a person attaches beside the root disk. */
  readonly dataDisk: { readonly slot: string; readonly value: string };
  /** The last write to a staging guest before its disk is handed over. */
  readonly staged: 'resize' | 'config';
  /** The attribute of the flake. */
  readonly attribute: 'vms' | 'containers';
  /** Settings of `website` that take a restart to change. */
  readonly waiting: object;
  /** Data disks that the flake gives `website` beside the person's, and the slot of the one named `data`. */
  readonly disks: (sizeGb: number) => object;
  readonly diskSlot: string;
}

export const vms: KindOfGuest = {
  kind: 'vm',
  api: 'qemu',
  rootSlot: 'scsi0',
  identity: ({ config }) => [config['smbios1'], macOf(config['net0'])],
  dataDisk: { slot: 'scsi1', value: 'fast:1' },
  staged: 'resize',
  attribute: 'vms',
  waiting: { cores: 2 },
  disks: (sizeGb) => ({ disks: { data: { slot: 'scsi2', size_gb: sizeGb, storage: 'fast', cache: 'writeback' } } }),
  diskSlot: 'scsi2',
};

export const containers: KindOfGuest = {
  kind: 'container',
  api: 'lxc',
  rootSlot: 'rootfs',
  identity: ({ config }) => macOf(config['net0']),
  dataDisk: { slot: 'mp0', value: 'fast:1,mp=/data' },
  staged: 'config',
  attribute: 'containers',
  waiting: { features: {} },
  disks: (sizeGb) => ({ mounts: { data: { path: '/flake', size_gb: sizeGb, storage: 'fast', backup: true } } }),
  diskSlot: 'mp1',
};

/** The three guests of the stories. */
export const [init, database, website] = [820, 822, 823] as const;

/** What the flake declares: the image of `website`, its memory, and which of the guests there are. */
export function declared(
  { kind, attribute }: KindOfGuest,
  change: {
    readonly image?: string;
    readonly memoryMb?: number;
    readonly more?: object;
    readonly guests?: readonly number[];
  } = {},
): Declared {
  const { image = 'website 1', memoryMb = 2048, more = {}, guests = [database, website] } = change;
  const all = { init, database, website };
  const wanted = Object.entries(all).filter(([, vmid]) => guests.includes(vmid));
  const entries = wanted.map(([key, vmid]) => [
    key,
    aFlakeEntry(kind, {
      ...{ name: `test-${key}`, vm_id: vmid, image_type: key, cores: 1, disk_gb: 1, storage_location: 'fast' },
      ...(vmid === website ? { memory_mb: memoryMb, ...more } : { memory_mb: 512 }),
    }),
  ]);
  return {
    fleet: { [attribute]: Object.fromEntries(entries) },
    images: { website: image, database: 'database 1', init: 'init 1' },
  };
}

/** A person gives `website` a disk for its data. */
export async function attachData(world: KillWorld, { api, dataDisk }: KindOfGuest): Promise<void> {
  await world.admin('PUT', `/nodes/pve1/${api}/${website}/config`, { [dataDisk.slot]: dataDisk.value });
  await world.tasksEnd();
}

export function guestOf(world: KillWorld, vmid: number): Guest {
  return present(world.simulator.guest(vmid), `guest ${vmid}`);
}

function macOf(net: string | number | undefined): string | undefined {
  return /[0-9A-F]{2}(?::[0-9A-F]{2}){5}/i.exec(String(net))?.[0];
}
