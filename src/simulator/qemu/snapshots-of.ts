import { failure } from '../errors.ts';
import { type Guest, slotOf } from '../guest.ts';

/** Whether any snapshot of the guest uses a volume. */
export function isInSnapshot(guest: Guest, volid: string): boolean {
  return Object.values(guest.snapshots).some((one) => slotOf(one.config, volid) !== undefined);
}

/** Throws when a volume that is to be freed is part of a snapshot. */
export function demandUnusedInSnapshots(guest: Guest, volid: string): void {
  if (isInSnapshot(guest, volid)) throw failure(`unable to delete '${volid}' - volume is still in use (snapshot?)`);
}
