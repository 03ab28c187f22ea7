import { type DesiredGuest, type GuestAt, guestLabel } from '../../../../core/guest.ts';
import type { ClusterMonitor, Guard } from '../../../cluster.ts';
import { type Api, guestPath } from '../../api.ts';
import type { GuestConfig } from '../../config.ts';
import { checkGuest, nextGuard } from '../../guard.ts';
import { checkImport } from '../../storage.ts';
import { runTask } from '../../writes.ts';
import type { Doing } from '../step.ts';

/**
 * The image into the VM's empty root slot. Done already when the slot has a disk: nothing else fills it. A container has
 * its root since its create call.
 */
export async function importDisk({ api, step, guard, monitor }: Doing<'import'>): Promise<Guard> {
  const config = await checkGuest(api, step, guard);
  if (config.values[step.guest.diskSlot] !== undefined) return guard;
  const volid = await checkImport(api, step.node, step.guest);
  await importVolume(api, step, { guest: step.guest, slot: step.guest.diskSlot, volid, config }, monitor);
  return nextGuard(api, step, guard);
}

/** POST, not PUT: a synchronous call is cut after 30 s. The slot becomes the boot disk. */
export async function importVolume(
  api: Api,
  at: GuestAt,
  from: { guest: DesiredGuest; slot: string; volid: string; config: GuestConfig },
  monitor: ClusterMonitor,
): Promise<void> {
  const { guest, slot, volid, config } = from;
  const drive = `${guest.storage}:0,import-from=${volid},discard=on`;
  const params = { [slot]: drive, boot: `order=${slot}`, digest: config.digest };
  const path = `${guestPath(at)}/config`;
  const doing = `The import of the image of ${guest.name} into ${guestLabel(at)}`;
  await runTask(
    api,
    { method: 'POST', path, params, node: at.node, type: 'qmconfig', id: String(at.vmid), doing },
    monitor,
  );
}
