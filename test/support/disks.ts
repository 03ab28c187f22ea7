import { dataDisksOf } from '../../src/core/data-disk-changes.ts';
import { type DataDisk, type DiskOptions, diskOptions, optionsOf } from '../../src/core/data-disks.ts';
import type { GuestKind, GuestSpec } from '../../src/core/guest.ts';
import type { LiveConfig, LiveDisk, LiveVmConfig } from '../../src/core/live.ts';

/** A live disk with the options that are wanted: those that are not as by default are held. */
export function withWantedOptions(kind: GuestKind, disk: LiveDisk, wanted: DataDisk): LiveDisk {
  const { options: old = {}, ...rest } = disk;
  const all = optionsOf(kind).flatMap((name) => {
    const value = wanted[name] ?? old[name];
    return value === undefined || value === diskOptions[name].otherwise(kind) ? [] : [[name, value] as const];
  });
  return all.length === 0 ? rest : { ...rest, options: Object.fromEntries(all) as DiskOptions };
}

/** The data disks of a guest, live as an apply leaves them. */
export function heldDataDisks(guest: GuestSpec): LiveConfig['disks'] {
  const { kind, vmid } = guest;
  return Object.fromEntries(
    dataDisksOf(guest).map((wanted, index) => {
      const { storage, at } = wanted;
      const volume = { volid: `${storage}:vm-${vmid}-disk-${index + 1}`, storage, sizeMb: wanted.sizeGb * 1024 };
      const disk = withWantedOptions(kind, kind === 'vm' ? volume : { ...volume, path: at }, wanted);
      return [kind === 'vm' ? at : `mp${index}`, disk];
    }),
  );
}

/** The firmware's disks that a new VM is made with. */
export function heldFirmware(guest: GuestSpec): Pick<LiveVmConfig, 'firmware'> {
  if (guest.kind !== 'vm' || (guest.bios !== 'ovmf' && guest.tpm !== true)) return {};
  const { storage, vmid } = guest;
  const disk = (number: number, sizeMb: number) => ({ volid: `${storage}:vm-${vmid}-disk-${number}`, storage, sizeMb });
  return {
    firmware: {
      ...(guest.bios === 'ovmf' ? { efi: disk(90, 1) } : {}),
      ...(guest.tpm === true ? { tpm: disk(91, 4) } : {}),
    },
  };
}
