import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import type { Guard } from '../../cluster.ts';
import type { GuestConfig } from '../config.ts';
import { checkGuest, nextGuard } from '../guard.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

/**
 * Deletes volumes that are with the guest and not attached. `delete=unused<n>` removes the volume itself, also while the
 * guest runs; one that a snapshot still needs is refused by Proxmox (8.4 and 9.2).
 */
export async function free({ api, step, guard }: Doing<'free'>): Promise<Guard> {
  const config = await checkGuest(api, step, guard);
  const keys = step.volids.flatMap((volid) => unusedKeyOf(config, volid) ?? []);
  const gone = step.volids.filter((volid) => unusedKeyOf(config, volid) === undefined);
  const attached = gone.find((volid) => Object.values(config.values).some((value) => value.split(',')[0] === volid));
  if (attached !== undefined) {
    throw new UserError(`${attached} is in use by ${guestLabel(step)}: it is not deleted.`);
  }
  if (keys.length === 0) return guard;
  await putConfig(api, step, Object.fromEntries(keys.map((key) => [key, undefined])), config.digest);
  return nextGuard(api, step, guard);
}

function unusedKeyOf({ values }: GuestConfig, volid: string): string | undefined {
  return Object.keys(values).find((key) => /^unused\d+$/.test(key) && values[key] === volid);
}
