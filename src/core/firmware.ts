import type { Blocked, FieldChange } from './change.ts';
import type { DesiredGuest, GuestSpec, VmSpec } from './guest.ts';
import type { KnownGuest, LiveConfig, LiveDisk, LiveVmConfig } from './live.ts';
import { managedPart } from './settings.ts';

/** The small disks of a VM's firmware: the EFI disk keeps its boot entries, the TPM state its keys. */
export type FirmwareDisk = keyof NonNullable<LiveVmConfig['firmware']>;

/** The differences of the firmware's disks, beside the settings `bios` and `tpm`. */
export function* diffFirmware(wanted: GuestSpec, live: KnownGuest): Generator<FieldChange> {
  if (wanted.kind !== 'vm' || live.kind !== 'vm') return;
  if (needsEfiDisk(wanted, live.config)) {
    yield { field: 'efi-disk', from: 'none', to: `on ${wanted.storage}`, restart: true };
  }
  const root = live.config.disks[wanted.diskSlot];
  for (const [name, disk] of firmwareToMove(wanted, live.config.firmware, root)) {
    const change = { from: disk.storage, to: wanted.storage };
    // Proxmox moves the state of a TPM only while the VM is stopped (PVE 9.2).
    yield name === 'efi'
      ? { field: 'efi-disk', ...change, restart: false }
      : { field: 'tpm', of: 'storage', ...change, restart: true };
  }
}

/** The state of a TPM that the change takes out or moves, by its place. */
export function tpmBefore(fields: readonly FieldChange[], live: KnownGuest): LiveConfig['disks'] {
  const tpm = live.kind === 'vm' ? live.config.firmware?.tpm : undefined;
  return tpm !== undefined && fields.some(({ field }) => field === 'tpm') ? { tpmstate0: tpm } : {};
}

/** Does the VM need an EFI disk that it does not have? OVMF forgets its settings without one. */
export function needsEfiDisk({ bios }: VmSpec, { firmware }: Pick<LiveVmConfig, 'firmware'>): boolean {
  return bios === 'ovmf' && firmware?.efi === undefined;
}

/**
 * The firmware's disks that go to the storage of the root disk. One that the flake does not manage goes along where it was
 * beside the root; elsewhere a person has put it.
 */
export function firmwareToMove(
  { bios, tpm, storage }: VmSpec,
  firmware: LiveVmConfig['firmware'] = {},
  root: LiveDisk | undefined,
): readonly (readonly [FirmwareDisk, LiveDisk])[] {
  const managed = { efi: bios === 'ovmf', tpm: tpm === true };
  return (['tpm', 'efi'] as const).flatMap((name) => {
    const disk = firmware[name];
    if (disk === undefined || disk.storage === storage) return [];
    if (name === 'tpm' && tpm === false) return [];
    return managed[name] || disk.storage === root?.storage ? [[name, disk] as const] : [];
  });
}

/**
 * Why the image of a guest does not boot with the firmware that the guest has or gets, and the line that mends it;
 * `undefined` when it does, or when evaluation does not tell what the image wants.
 */
export function firmwareProblem(guest: DesiredGuest, live?: KnownGuest): string | undefined {
  if (guest.kind !== 'vm' || guest.image.firmware === undefined) return undefined;
  // What the flake ignores is written to a new guest only.
  const wanted = live === undefined ? guest.bios : managedPart(guest).bios;
  const bios = wanted ?? (live?.kind === 'vm' ? live.config.bios : undefined) ?? 'seabios';
  const fits = guest.image.firmware === 'uefi' ? 'ovmf' : 'seabios';
  if (bios === fits) return undefined;
  const how = guest.image.firmware === 'uefi' ? 'UEFI' : 'BIOS';
  const line = guest.bios === undefined ? `Add \`bios = "${fits}";\` to` : `Set \`bios = "${fits}";\` in`;
  return `The image ${guest.imageType} boots by ${how} only, and VM ${guest.vmid} has ${bios === 'ovmf' ? 'OVMF (UEFI)' : 'SeaBIOS'}: it would not start. ${line} ${guest.key} in the flake.`;
}

/** Blocks the creation of a guest that its image could never start in. */
export function firmwareBlock(guest: DesiredGuest): Blocked | undefined {
  const advice = firmwareProblem(guest);
  return advice === undefined ? undefined : { reason: 'firmware', advice };
}
