import type { KnownGuest } from './live.ts';

/** A volume that goes with its guest; `sizeMb` in MiB, absent where Proxmox does not tell it. */
export interface GuestVolume {
  /** `scsi0`, `mp1`, `EFI disk`, `TPM state`, `unused0`. */
  readonly slot: string;
  readonly storage: string;
  readonly sizeMb?: number;
  readonly path?: string;
}

/** Every volume of a guest: its root and data disks, the disks of its firmware, and what is with it and not attached. */
export function volumesOf({ config }: KnownGuest): readonly GuestVolume[] {
  const { efi, tpm } = 'firmware' in config && config.firmware !== undefined ? config.firmware : {};
  const attached = Object.entries({
    ...config.disks,
    ...config.leaving,
    ...(efi === undefined ? {} : { 'EFI disk': efi }),
    ...(tpm === undefined ? {} : { 'TPM state': tpm }),
  });
  const unused = Object.entries(config.unused).map(([slot, volid]): GuestVolume => {
    const sizeMb = config.unusedMb?.[volid];
    return { slot, storage: storageOf(volid), ...(sizeMb === undefined ? {} : { sizeMb }) };
  });
  const disks = attached
    // A bind mount is a folder of the node, and stays.
    .filter(([, { volid }]) => !volid.startsWith('/'))
    .map(([slot, { storage, sizeMb, path }]): GuestVolume => {
      return { slot, storage, ...(sizeMb === undefined ? {} : { sizeMb }), ...(path === undefined ? {} : { path }) };
    });
  return [...disks, ...unused].sort((a, b) => rank(a) - rank(b) || compare(a.slot, b.slot));
}

/** The storage that the name of a volume begins with. */
export function storageOf(volid: string): string {
  return volid.split(':', 1)[0] ?? '';
}

/** `scsi1 20 GiB on fast`, `mp0 (/data) 4 GiB on fast`, `unused0 of unknown size on fast` */
export function describeVolume({ slot, storage, sizeMb, path }: GuestVolume): string {
  const size = sizeMb === undefined ? 'of unknown size' : sizeMb < 1024 ? `${sizeMb} MiB` : `${gib(sizeMb)} GiB`;
  return `${slot}${path === undefined ? '' : ` (${path})`} ${size} on ${storage}`;
}

function rank({ slot }: GuestVolume): number {
  if (slot.startsWith('unused')) return 2;
  return /^[ET]/.test(slot) ? 1 : slot === 'rootfs' ? -1 : 0;
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function gib(sizeMb: number): string {
  return `${Number((sizeMb / 1024).toFixed(2))}`;
}
