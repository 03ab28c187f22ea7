import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import type { Precondition } from '../../cluster.ts';
import { readConfig } from '../config.ts';
import { readDrive } from '../disk.ts';
import { unusedKeyOf } from '../markers.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { putConfig } from '../writes.ts';
import { kinds } from './kinds.ts';
import { isRunning, stopGuest } from './power.ts';
import type { Doing } from './step.ts';

/**
 * The old root disk takes its slot again. A guest that still runs it keeps on running: the swap was never made real and
 * is reverted. Any other is stopped, because what runs on the new disk does not listen; who asks starts it.
 */
export async function rollback({ api, step, precondition, monitor }: Doing<'rollback'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const slot = step.guest.diskSlot;
  if (config.pending.includes(slot)) {
    // The old root of a container waits under a key of its own to become unused.
    const revert = config.pending.filter((key) => key === slot || /^unused\d+$/.test(key));
    await putConfig(api, step, { revert: revert.join(',') }, config.digest);
    return nextPrecondition(api, step, precondition);
  }
  if (readDrive(config.values[slot] ?? 'none').get('file') === step.volid) return precondition;
  if (unusedKeyOf(config.values, step.volid) === undefined) {
    throw new UserError(`The old root disk ${step.volid} is not with ${guestLabel(step)} any more.`, {
      next: 'Look at the unused disks of the guest in Proxmox.',
    });
  }
  const changes = await kinds[step.guestKind].asRoot(api, step, config, { slot, volid: step.volid });
  await putConfig(api, step, changes, config.digest);
  const after = await readConfig(api, step);
  if (after?.pending.includes(slot) === true && (await isRunning(api, step))) {
    await stopGuest(api, step, monitor);
    await api.sleep(api.timeouts.pauseMs);
  }
  return nextPrecondition(api, step, precondition);
}
