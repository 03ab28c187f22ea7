import type { GuestRef } from '../../../../core/guest.ts';
import type { Api } from '../../api.ts';
import { type GuestConfig, toVmConfig } from '../../config.ts';
import { driveOptions, readDrive } from '../../disk.ts';
import { writeProperty } from '../../property.ts';
import type { Changes } from '../../settings.ts';

/** The drive with another volume: its options stay, Proxmox reads the size by itself and lists the old one as unused. */
export async function vmRoot(
  _api: Api,
  _at: GuestRef,
  config: GuestConfig,
  { slot, volid }: { slot: string; volid: string },
): Promise<Changes> {
  const old = readDrive(config.values[slot] ?? 'none,discard=on');
  const drive = writeProperty(new Map([['file', volid], ...driveOptions(old)]), 'file');
  // A guest without a root disk has no boot order either.
  const boot = toVmConfig(config).boot.includes(slot) ? {} : { boot: `order=${slot}` };
  return { [slot]: drive, ...boot };
}
