import type { DesiredGuest, DesiredVm } from '../../../core/guest.ts';
import { splitTags } from '../../../core/tags.ts';
import type { Guard } from '../../cluster.ts';
import { type GuestConfig, tagsOf, toLiveConfig } from '../config.ts';
import { checkGuest, nextGuard } from '../guard.ts';
import { readProperty, writeProperty } from '../property.ts';
import type { Changes } from '../stored.ts';
import { putConfig } from '../writes.ts';
import type { Doing } from './step.ts';

/** ONE write of all that differs, tags included: nothing in between can be seen or left behind. */
export async function configure({ api, step, guard }: Doing<'configure'>): Promise<Guard> {
  const config = await checkGuest(api, step, guard);
  const changes = differences(config, step.guest, step.tags);
  if (Object.keys(changes).length === 0) return guard;
  await putConfig(api, step, changes, config.digest);
  return nextGuard(api, step, guard);
}

/** What must be written for the guest to be as wanted; `undefined` deletes a key. Protection is not its business. */
export function differences(config: GuestConfig, guest: DesiredGuest, tags: string): Changes {
  if (guest.kind !== 'vm') throw new Error('only VMs yet');
  const live = toLiveConfig(config);
  return {
    ...(config.values['name'] === guest.name ? {} : { name: guest.name }),
    ...(live.description.trim() === guest.description.trim() ? {} : { description: guest.description || undefined }),
    ...(live.onboot === guest.onboot ? {} : { onboot: guest.onboot }),
    ...(live.cores === guest.cores ? {} : { cores: guest.cores }),
    ...(live.sockets === guest.sockets ? {} : { sockets: guest.sockets }),
    ...(live.memoryMb === guest.memoryMb ? {} : { memory: guest.memoryMb }),
    ...(live.scsiHw === guest.scsiHw ? {} : { scsihw: guest.scsiHw }),
    ...(live.bridge === guest.bridge ? {} : { net0: withBridge(config.values['net0'], guest.bridge) }),
    ...cloudInit(config, guest),
    ...(tagsOf(config).join() === splitTags(tags).join() ? {} : { tags }),
  };
}

/** The whole string again: without its MAC address the interface would get a new one. */
function withBridge(net: string | undefined, bridge: string): string {
  const interfaceOf = readProperty(net ?? 'virtio', 'model');
  return writeProperty(new Map([...interfaceOf, ['bridge', bridge]]), 'model');
}

/** Another storage replaces the drive in its own slot: a second slot is refused while the first is attached. */
function cloudInit(config: GuestConfig, guest: DesiredVm): Changes {
  const live = toLiveConfig(config).cloudInit;
  const wanted = guest.cloudInit?.storage;
  if (live?.storage === wanted) return {};
  if (wanted === undefined) return live === undefined ? {} : { [live.slot]: undefined };
  const free = ['ide2', 'ide0', 'ide3', 'ide1'].find((slot) => config.values[slot] === undefined);
  return { [live?.slot ?? free ?? 'ide2']: `${wanted}:cloudinit` };
}
