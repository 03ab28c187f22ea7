import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import type { Guard } from '../../cluster.ts';
import { readConfig, readDrive } from '../config.ts';
import { checkGuest, nextGuard } from '../guard.ts';
import { writeProperty } from '../property.ts';
import { putConfig } from '../writes.ts';
import { isRunning, stopGuest } from './power.ts';
import type { Doing } from './step.ts';
import { driveOptions } from './swap.ts';

/**
 * The old root disk takes its slot again. A guest that still runs it keeps on running: the swap was never made real and
 * is reverted. Any other is stopped, because what runs on the new disk does not listen; who asks starts it.
 */
export async function swapBack({ api, step, guard, monitor }: Doing<'swap-back'>): Promise<Guard> {
  const config = await checkGuest(api, step, guard);
  const slot = step.guest.diskSlot;
  if (config.pending.includes(slot)) {
    await putConfig(api, step, { revert: slot }, config.digest);
    return nextGuard(api, step, guard);
  }
  const current = readDrive(config.values[slot] ?? 'none,discard=on');
  if (current.get('file') === step.volid) return guard;
  if (!Object.entries(config.values).some(([key, volid]) => /^unused\d+$/.test(key) && volid === step.volid)) {
    throw new UserError(`The old root disk ${step.volid} is not with ${guestLabel(step)} any more.`, {
      next: 'Look at the unused disks of the VM in Proxmox.',
    });
  }
  const drive = writeProperty(new Map([['file', step.volid], ...driveOptions(current)]), 'file');
  await putConfig(api, step, { [slot]: drive }, config.digest);
  const after = await readConfig(api, step);
  if (after?.pending.includes(slot) === true && (await isRunning(api, step))) {
    await stopGuest(api, step, monitor);
    await api.sleep(api.timeouts.pauseMs);
  }
  return nextGuard(api, step, guard);
}
