import { UserError } from '../../../core/errors.ts';
import { firmwareToMove } from '../../../core/firmware.ts';
import { guestLabel } from '../../../core/guest.ts';
import type { Precondition } from '../../cluster.ts';
import { checkGuest, type Doing, nextPrecondition, toVmConfig } from '../config.ts';
import { firmwareKeys } from '../firmware.ts';
import { needsStop, settledPower } from './ha.ts';
import { shutdownGuest } from './power.ts';
import { moveVolume } from './root-disk.ts';

/** Moves the EFI disk and the TPM state to the storage of the root disk, each by its own task. */
export async function moveFirmware({
  api,
  step,
  precondition,
  monitor,
}: Doing<'move-firmware'>): Promise<Precondition> {
  const { guest } = step;
  if (guest.kind !== 'vm') return precondition;
  let now = precondition;
  const { firmware, disks } = toVmConfig(await checkGuest(api, step, now));
  for (const [name] of firmwareToMove(guest, firmware, disks[guest.diskSlot])) {
    if (name === 'tpm' && needsStop(await settledPower(api, step, monitor))) {
      monitor.line('the state of a TPM is moved only while its VM is stopped: the VM is shut down');
      await shutdownGuest(api, step, monitor);
      // What waited for the stop is real now.
      now = await nextPrecondition(api, step, now);
    }
    const config = await checkGuest(api, step, now);
    const slot = firmwareKeys[name];
    if (config.current[slot] === undefined) {
      throw new UserError(`${slot} of ${guestLabel(step)} waits for a restart, and is not moved before.`, {
        next: 'Restart the VM, then plan again.',
      });
    }
    await moveVolume(api, step, { slot, storage: guest.storage, config }, monitor);
    now = await nextPrecondition(api, step, now);
  }
  return now;
}
