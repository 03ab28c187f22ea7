import { failure } from './errors.ts';
import type { Guest } from './guest.ts';
import type { TaskHandle } from './tasks.ts';
import type { World } from './world.ts';

/** How long a change waits for the lock of its guest: ten seconds and the time of the attempt itself (9.2.11). */
const PATIENCE = 10_500;

/** The text of a lock that was not freed in time. */
export function busy(vmid: number, type: 'qemu' | 'lxc' = 'qemu'): Error {
  const file = type === 'qemu' ? `/var/lock/qemu-server/lock-${vmid}.conf` : `/run/lock/lxc/pve-config-${vmid}.lock`;
  return failure(`can't lock file '${file}' - got timeout`);
}

/** Makes a change under the guest's lock; in a task the log reports the waiting. */
export async function changing<T>(
  world: World,
  vmid: number,
  work: () => T | Promise<T>,
  task?: TaskHandle,
  type: 'qemu' | 'lxc' = 'qemu',
): Promise<T> {
  const options = {
    patience: PATIENCE,
    tooLate: () => busy(vmid, type),
    ...(task === undefined ? {} : { signal: task.signal, onWait: () => task.log('trying to acquire lock...') }),
  };
  return await world.locks.hold(vmid, options, work);
}

/** Throws `VM is locked (backup)` when `lock:` is set in the configuration. */
export function demandUnlocked(guest: Guest): void {
  const lock = guest.config['lock'];
  if (lock !== undefined) throw failure(`${guest.type === 'qemu' ? 'VM' : 'CT'} is locked (${lock})`);
}

/** Throws when a digest was sent and the configuration has another one now. */
export function demandDigest(world: World, guest: Guest, digest: string | undefined, text: string): void {
  if (digest !== undefined && digest !== '' && digest !== world.digest(guest)) throw failure(text);
}

/** The text of qemu-server's own check of a digest, as recorded from 9.2.11. */
export const VM_DIGEST = 'checksum mismatch (file change by other user?)';
/** The text of the common check of a digest, as recorded from 9.2.11. */
export const DIGEST = 'detected modified configuration - file changed by other user? Try again.';
