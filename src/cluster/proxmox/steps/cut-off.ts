import type { GuestAt } from '../../../core/guest.ts';
import type { Api } from '../api.ts';
import type { GuestConfig } from '../config.ts';
import { isCutOff } from '../marks.ts';
import { isRunning } from './power.ts';

/** A guest whose creation was cut off before it got its tags. A container that runs was started by somebody. */
export async function isCutOffNow(api: Api, at: GuestAt, config: GuestConfig): Promise<boolean> {
  return isCutOff(at.vmid, config) && (at.guestKind === 'vm' || !(await isRunning(api, at)));
}
