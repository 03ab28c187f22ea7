import { UserError } from '../../../core/errors.ts';
import { type GuestRef, guestLabel } from '../../../core/guest.ts';
import { unlockAdvice } from '../../../core/lock.ts';
import { creationMarker } from '../../../core/markers.ts';
import type { ClusterMonitor, Precondition } from '../../cluster.ts';
import { type Api, guestPath } from '../api.ts';
import { readConfig } from '../config.ts';
import { preconditionOf } from '../precondition.ts';
import { newDescription } from '../settings.ts';
import { checkImport } from '../storage.ts';
import { isFree } from '../vmid.ts';
import { putConfig } from '../writes.ts';
import { newContainer } from './container/new-container.ts';
import { isCreateInterruptedNow } from './cut-off.ts';
import { makeGuest } from './make.ts';
import type { StepOf } from './step.ts';
import { newVm } from './vm/new-vm.ts';

/**
 * A new guest, then its tags. A VM has no disk yet: a worker that is killed in the import leaves a guest that a token can
 * clean up. What the root will need is looked at first, so that a full storage leaves nothing behind.
 */
export async function create(api: Api, step: StepOf<'create'>, monitor: ClusterMonitor): Promise<Precondition> {
  const { guest, vmid } = step;
  const image = await checkImport(api, step.node, guest);
  if (!(await isFree(api, vmid))) await refuseUnlessOurs(api, step);
  else {
    const settings = guest.kind === 'vm' ? newVm(guest) : newContainer(guest, image);
    const params = { ...settings, description: creationMarker(vmid) };
    await makeGuest(api, step, { params, doing: `The creation of ${guestLabel(step)}` }, monitor);
  }
  const { digest } = await preconditionOf(api, step);
  // Proxmox keeps no empty description: the mark is deleted where the flake has none.
  await putConfig(api, step, { tags: step.tags, ...newDescription(guest) }, digest);
  return preconditionOf(api, step);
}

/** Taken, but by our own create call whose answer was lost or whose bot was killed before the tags were written. */
async function refuseUnlessOurs(api: Api, at: GuestRef): Promise<void> {
  const config = await readConfig(api, at);
  if (config !== undefined && (await isCreateInterruptedNow(api, at, config))) return;
  const lock = config?.values['lock'];
  throw new UserError(`VMID ${at.vmid} is taken: ${guestPath(at)} or another node has it.`, {
    next:
      lock === 'create'
        ? `It is locked (create): somebody makes it; ${unlockAdvice(at, lock)}.`
        : 'Choose another `vm_id` in the flake, or take the guest over with /proxnix adopt.',
  });
}
