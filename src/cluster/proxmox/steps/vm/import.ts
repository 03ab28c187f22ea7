import { type DesiredGuest, type GuestRef, guestLabel } from '../../../../core/guest.ts';
import type { ClusterMonitor, Precondition } from '../../../cluster.ts';
import { type Api, guestPath } from '../../api.ts';
import type { GuestConfig } from '../../config.ts';
import { checkGuest, nextPrecondition } from '../../precondition.ts';
import { checkImport } from '../../storage.ts';
import { runTask } from '../../writes.ts';
import type { Doing } from '../step.ts';

/**
 * The image into the VM's empty root slot. Done already when the slot has a disk: nothing else fills it. A container has
 * its root since its create call.
 */
export async function importDisk({ api, step, precondition, monitor }: Doing<'import'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  if (config.values[step.guest.diskSlot] !== undefined) return precondition;
  const volid = await checkImport(api, step.node, step.guest);
  await importVolume(api, step, { guest: step.guest, slot: step.guest.diskSlot, volid, config }, monitor);
  return nextPrecondition(api, step, precondition);
}

/** POST, not PUT: a synchronous call is cut after 30 s. The slot becomes the boot disk. */
export async function importVolume(
  api: Api,
  at: GuestRef,
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
