import type { GuestSpec } from '../../core/guest.ts';
import type { LiveVmConfig } from '../../core/live.ts';
import type { Changes } from './codec.ts';
import { toLiveDisk } from './disk-options.ts';
import { driveOptions, readDrive, type Values, writeProperty } from './property.ts';

/** The keys of the firmware's disks (PVE 8.4 and 9.2: there is one of each). */
export const firmwareKeys = { efi: 'efidisk0', tpm: 'tpmstate0' } as const;

/** What a new one has beside its volume. */
export const newFirmware = { efi: 'efitype=4m,pre-enrolled-keys=0', tpm: 'version=v2.0' } as const;

/** The EFI disk and the TPM state of a VM; `undefined` when it has neither. */
export function readFirmware(values: Values): LiveVmConfig['firmware'] {
  const found = (['efi', 'tpm'] as const).flatMap((name) => {
    const text = values[firmwareKeys[name]];
    return text === undefined ? [] : [[name, toLiveDisk('vm', readDrive(text))] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/**
 * What is written for a VM to have the firmware's disks that are wanted. `STORAGE:1` makes a new one each time, and the
 * old one leaves its place with the keys of the guest (PVE 9.2): it is sent only where there is none, now and after the
 * next restart. Proxmox ignores the size.
 */
export function firmwareDisks(
  guest: GuestSpec,
  config: { readonly values: Values; readonly current: Values } = { values: {}, current: {} },
): Changes {
  if (guest.kind !== 'vm') return {};
  const make = (key: string, fresh: string): Changes => {
    if (config.values[key] !== undefined) return {};
    const leaving = config.current[key];
    // The live value again takes its pending removal back.
    return { [key]: leaving === undefined ? `${guest.storage}:1,${fresh}` : withoutSize(leaving) };
  };
  const efi = guest.bios === 'ovmf' ? make(firmwareKeys.efi, newFirmware.efi) : {};
  if (guest.tpm !== false) return { ...efi, ...(guest.tpm ? make(firmwareKeys.tpm, newFirmware.tpm) : {}) };
  return { ...efi, ...(config.values[firmwareKeys.tpm] === undefined ? {} : { [firmwareKeys.tpm]: undefined }) };
}

function withoutSize(text: string): string {
  const drive = readDrive(text);
  return writeProperty(new Map([['file', drive.get('file') ?? ''], ...driveOptions(drive)]), 'file');
}
