import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import { splitTags } from '../../../core/tags.ts';
import type { Precondition } from '../../cluster.ts';
import { tagsOf } from '../config.ts';
import { readDrive } from '../disk.ts';
import { attachedKey, unusedKeyOf } from '../markers.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { putConfig } from '../writes.ts';
import { kinds } from './kinds.ts';
import type { Doing } from './step.ts';

/**
 * An unused disk takes the root slot: pending while the guest runs, at once when it is stopped. The old disk becomes an
 * unused volume. Tags go in the same write, so what the disk holds is never told wrongly.
 */
export async function swap({ api, step, precondition }: Doing<'swap'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const slot = step.guest.diskSlot;
  const volid = step.volid ?? config.values[attachedKey(config.values) ?? ''];
  const root = readDrive(config.values[slot] ?? 'none').get('file');
  const isThere = root !== 'none' && (volid === undefined || volid === root);
  const isTagged = tagsOf(config).join() === splitTags(step.tags).join();
  if (isThere && isTagged) return precondition;
  if (volid === undefined) {
    throw new UserError(`No new root disk was handed over to ${guestLabel(step)}.`, {
      next: 'Look at the fresh plan.',
    });
  }
  if (!isThere && unusedKeyOf(config.values, volid) === undefined) {
    throw new UserError(`The disk ${volid} is not with ${guestLabel(step)}.`, {
      next: 'Look at the unused disks of the guest in Proxmox, and at the fresh plan.',
    });
  }
  const changes = isThere ? {} : await kinds[step.guestKind].asRoot(api, step, config, { slot, volid });
  await putConfig(api, step, { ...changes, tags: step.tags }, config.digest);
  return nextPrecondition(api, step, precondition);
}
