import type { VmSpec } from '../../../../core/guest.ts';
import type { Params } from '../../client.ts';
import { newSettings } from '../../settings.ts';

/** A new NixOS VM: agent, serial console, Linux. Its root disk comes with the import. */
export function newVm(guest: VmSpec): Params {
  return { ...newSettings(guest), agent: 1, serial0: 'socket', ostype: 'l26' };
}
