import type { VmSpec } from '../../../../core/guest.ts';
import type { GuestConfig } from '../../config.ts';
import { readProperty, writeProperty } from '../../property.ts';
import type { Changes } from '../../stored.ts';
import { toVmConfig } from '../../vm-config.ts';

/** What must be written for a VM to be as wanted, tags and protection aside; `undefined` deletes a key. */
export function vmDifferences(config: GuestConfig, guest: VmSpec): Changes {
  const live = toVmConfig(config);
  return {
    ...(config.values['name'] === guest.name ? {} : { name: guest.name }),
    ...(live.cores === guest.cores ? {} : { cores: guest.cores }),
    ...(live.sockets === guest.sockets ? {} : { sockets: guest.sockets }),
    ...(live.memoryMb === guest.memoryMb ? {} : { memory: guest.memoryMb }),
    ...(live.scsiHw === guest.scsiHw ? {} : { scsihw: guest.scsiHw }),
    ...(live.bridge === guest.bridge ? {} : { net0: withBridge(config.values['net0'], guest.bridge) }),
    ...cloudInit(config, guest),
  };
}

/** The whole string again: without its MAC address the interface would get a new one. */
function withBridge(net: string | undefined, bridge: string): string {
  const interfaceOf = readProperty(net ?? 'virtio', 'model');
  return writeProperty(new Map([...interfaceOf, ['bridge', bridge]]), 'model');
}

/** Another storage replaces the drive in its own slot: a second slot is refused while the first is attached. */
function cloudInit(config: GuestConfig, guest: VmSpec): Changes {
  const live = toVmConfig(config).cloudInit;
  const wanted = guest.cloudInit?.storage;
  if (live?.storage === wanted) return {};
  if (wanted === undefined) return live === undefined ? {} : { [live.slot]: undefined };
  const free = ['ide2', 'ide0', 'ide3', 'ide1'].find((slot) => config.values[slot] === undefined);
  return { [live?.slot ?? free ?? 'ide2']: `${wanted}:cloudinit` };
}
