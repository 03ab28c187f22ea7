import { UserError } from '../../../../core/errors.ts';
import { type GuestRef, guestLabel } from '../../../../core/guest.ts';
import type { Api } from '../../api.ts';
import type { GuestConfig } from '../../config.ts';
import { driveOptions, readDrive } from '../../disk.ts';
import { freeUnusedKey, isOwnVolume, unusedKeyOf } from '../../markers.ts';
import { writeProperty } from '../../property.ts';
import type { Changes } from '../../settings.ts';
import { writeSize } from '../../size.ts';
import { volumeSize } from '../../storage.ts';

/**
 * The mount point with another volume, and the old one as unused in the same write: without that it would drop out of
 * the configuration. Always a volume, never `STORAGE:1`: a size is stored literally on a container that is there, which
 * then neither starts nor can be deleted (PVE 8.4 and 9.2). The size is what people read, so it is sent.
 */
export async function containerRoot(
  api: Api,
  at: GuestRef,
  config: GuestConfig,
  { slot, volid }: { slot: string; volid: string },
): Promise<Changes> {
  const root = readDrive(config.values[slot] ?? '');
  // The root it runs on: the one in `values` may be pending as well.
  const old = readDrive(config.current[slot] ?? '').get('file');
  for (const one of [volid, ...(old === undefined ? [] : [old])]) checkOwn(at, one);
  const bytes = await volumeSize(api, at.node, volid);
  const size: [string, string][] = bytes > 0 ? [['size', writeSize(bytes)]] : [];
  const mount = writeProperty(new Map([['file', volid], ...size, ...driveOptions(root)]), 'file');
  return { [slot]: mount, ...kept(at, config, old, volid) };
}

function kept(at: GuestRef, config: GuestConfig, old: string | undefined, volid: string): Changes {
  if (old === undefined || old === volid || unusedKeyOf(config.values, old) !== undefined) return {};
  const key = freeUnusedKey(config.values);
  if (key !== undefined) return { [key]: old };
  throw new UserError(`${guestLabel(at)} has too many unused disks.`, { next: 'Remove those that are not needed.' });
}

/** Proxmox takes any volume here, and deletes it with the container. */
function checkOwn(at: GuestRef, volid: string): void {
  if (isOwnVolume(at.vmid, volid)) return;
  throw new UserError(`${volid} is no volume of ${guestLabel(at)}: nothing was written.`, {
    next: 'Look in Proxmox whose volume it is.',
  });
}
