import { UserError } from '../../../core/errors.ts';
import { guestLabel } from '../../../core/guest.ts';
import type { Precondition } from '../../cluster.ts';
import type { GuestConfig } from '../config.ts';
import { unusedKeyOf } from '../markers.ts';
import { checkGuest, nextPrecondition } from '../precondition.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

/**
 * Deletes volumes that are with the guest and not attached. `delete=unused<n>` removes the volume itself, also while the
 * guest runs; one that a snapshot still needs is refused by Proxmox (8.4 and 9.2).
 */
export async function free({ api, step, precondition }: Doing<'free'>): Promise<Precondition> {
  const config = await checkGuest(api, step, precondition);
  const attached = step.volids.find((volid) => isAttached(config, volid));
  if (attached !== undefined) {
    throw new UserError(`${attached} is in use by ${guestLabel(step)}: it is not deleted.`);
  }
  const keys = step.volids.flatMap((volid) => unusedKeyOf(config.values, volid) ?? []);
  if (keys.length === 0) return precondition;
  await putConfig(api, step, Object.fromEntries(keys.map((key) => [key, undefined])), config.digest);
  return nextPrecondition(api, step, precondition);
}

/** Now or after the next restart: a pending root of a container is listed as unused as well. */
function isAttached({ values, current }: GuestConfig, volid: string): boolean {
  return [values, current].some((one) =>
    Object.entries(one).some(([key, value]) => !/^unused\d+$/.test(key) && value.split(',')[0] === volid),
  );
}
