import { moveRootAdvice } from '../../../core/block.ts';
import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import type { Precondition } from '../../cluster.ts';
import { guestPath } from '../api.ts';
import { toLiveConfig } from '../config.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { checkTarget } from '../storage.ts';
import { runTask } from '../writes.ts';
import type { Doing } from './step.ts';

/** Online when the guest runs. The source goes when the copy is whole; a cut copy leaves the guest as it was. */
export async function moveDisk({ api, step, precondition, monitor }: Doing<'move-disk'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const { diskSlot: disk, storage } = step.guest;
  const live = toLiveConfig(config).disks[disk];
  if (live === undefined)
    throw new UserError(`${guestLabel(step)} has no disk ${disk}.`, { next: 'Look at the fresh plan.' });
  if (live.storage === storage) return precondition;
  // A plan blocks it before.
  if (step.guest.kind === 'container') {
    throw new UserError(`The root of ${guestLabel(step)} is not moved.`, { next: moveRootAdvice(step.guest) });
  }
  await checkTarget(api, step.node, step.guest, (live.sizeMb ?? 0) * 2 ** 20);
  const params = { disk, storage, delete: 1, digest: config.digest };
  const path = `${guestPath(step)}/move_disk`;
  const doing = `The move of ${disk} of ${guestLabel(step)} to ${storage}`;
  const task = { node: step.node, type: 'qmmove', id: String(step.vmid), doing };
  await runTask(api, { method: 'POST', path, params, ...task }, monitor);
  return nextPrecondition(api, step, precondition);
}
