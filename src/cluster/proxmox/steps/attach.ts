import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import type { Precondition } from '../../cluster.ts';
import { guestPath } from '../api.ts';
import { type GuestConfig, readConfig } from '../config.ts';
import { attachedKey, nextAttachKey } from '../markers.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { deleteGuest, findStaging, type Staging } from '../staging.ts';
import { runTask } from '../writes.ts';
import { kinds } from './kinds.ts';
import type { Doing } from './step.ts';

/**
 * The staged disk to the guest, a rename that the running guest does not notice; then the staging guest goes. Asked
 * again it goes on where it was: disk moved but staging guest there, or both done.
 */
export async function attach(doing: Doing<'attach'>): Promise<Precondition> {
  const { api, step, precondition, monitor } = doing;
  const config = await checkGuest(api, step, precondition);
  const staging = await findStaging(api, step);
  if (staging !== undefined) {
    if (staging.config.values[kinds[step.guestKind].stagingSlot] !== undefined) await moveOver(doing, staging, config);
    // Without destroy-unreferenced-disks: the disk handed over must not be looked for by anything.
    await deleteGuest(api, staging, { unreferenced: false }, monitor);
  }
  const after = await readConfig(api, step);
  if (after === undefined || attachedKey(after.values) === undefined) {
    throw new UserError(`The new root disk of ${guestLabel(step)} is gone before it was handed over.`, {
      next: 'The guest is as it was. Look at the fresh plan.',
    });
  }
  return nextPrecondition(api, step, precondition);
}

async function moveOver({ api, step, monitor }: Doing<'attach'>, staging: Staging, config: GuestConfig): Promise<void> {
  const key = nextAttachKey(config.values);
  if (key === undefined) {
    throw new UserError(`${guestLabel(step)} has too many unused disks.`, {
      next: 'Remove those that are not needed.',
    });
  }
  const { stagingSlot, reassign } = kinds[step.guestKind];
  const params = {
    [reassign.from]: stagingSlot,
    'target-vmid': step.vmid,
    [reassign.to]: key,
    digest: staging.config.digest,
    'target-digest': config.digest,
  };
  const id = `${staging.vmid}-${stagingSlot}>${step.vmid}-${key}`;
  const doing = `The hand-over of the new root disk to ${guestLabel(step)}`;
  const task = { node: step.node, type: reassign.task, id, doing };
  await runTask(api, { method: 'POST', path: `${guestPath(staging)}/${reassign.call}`, params, ...task }, monitor);
}
