import { UserError } from '../../../core/errors.ts';
import { type DesiredGuest, type GuestRef, guestLabel } from '../../../core/guest.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, guestPath } from '../api.ts';
import { type GuestConfig, toLiveConfig } from '../config.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { checkFits } from '../storage.ts';
import { runTask } from '../writes.ts';
import type { Doing } from './step.ts';

export async function resize({ api, step, precondition, monitor }: Doing<'resize'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const resized = await growDisk(api, step, { guest: step.guest, slot: step.guest.diskSlot, config }, monitor);
  return resized ? nextPrecondition(api, step, precondition) : precondition;
}

/** To the size wanted, absolute, so that asking twice does no harm. @returns false when it had that size already */
export async function growDisk(
  api: Api,
  at: GuestRef,
  { guest, slot, config }: { guest: DesiredGuest; slot: string; config: GuestConfig },
  monitor: ClusterMonitor,
): Promise<boolean> {
  const disk = toLiveConfig(config).disks[slot];
  if (disk === undefined)
    throw new UserError(`${guestLabel(at)} has no disk ${slot}.`, { next: 'Look at the fresh plan.' });
  const sizeMb = disk.sizeMb ?? 0;
  checkFits(guest, sizeMb * 2 ** 20);
  if (sizeMb === guest.diskGb * 1024) return false;
  const params = { disk: slot, size: `${guest.diskGb}G`, digest: config.digest };
  const path = `${guestPath(at)}/resize`;
  const doing = `The resize of ${slot} of ${guestLabel(at)}`;
  await runTask(
    api,
    { method: 'PUT', path, params, node: at.node, type: 'resize', id: String(at.vmid), doing },
    monitor,
  );
  return true;
}
