import type { GuestRef } from '../../../core/guest.ts';
import type { Api } from '../api.ts';
import type { GuestConfig } from '../config.ts';
import { isCreateInterrupted } from '../markers.ts';
import { isRunning } from './power.ts';

/** A guest whose creation was cut off before it got its tags. A container that runs was started by somebody. */
export async function isCreateInterruptedNow(api: Api, at: GuestRef, config: GuestConfig): Promise<boolean> {
  return isCreateInterrupted(at.vmid, config) && (at.guestKind === 'vm' || !(await isRunning(api, at)));
}
