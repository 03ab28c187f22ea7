import type { ContainerSpec } from '../../../../core/guest.ts';
import type { GuestConfig } from '../../config.ts';
import { toContainerConfig } from '../../container-config.ts';
import type { Changes } from '../../stored.ts';
import { withAddress } from './net.ts';
import { features } from './new-container.ts';

/** What must be written for a container to be as wanted, tags and protection aside; `undefined` deletes a key. */
export function containerDifferences(config: GuestConfig, guest: ContainerSpec): Changes {
  const live = toContainerConfig(config);
  const sameNet = live.bridge === guest.bridge && live.ip === guest.ip && live.gateway === guest.gateway;
  return {
    ...(config.values['hostname'] === guest.name ? {} : { hostname: guest.name }),
    ...(live.cores === guest.cores ? {} : { cores: guest.cores }),
    ...(live.memoryMb === guest.memoryMb ? {} : { memory: guest.memoryMb }),
    ...(live.swapMb === guest.swapMb ? {} : { swap: guest.swapMb }),
    ...(sameNet ? {} : { net0: withAddress(config.values['net0'] ?? 'name=eth0', guest) }),
    ...(live.features.join() === guest.features.join() ? {} : { features: features(guest) || undefined }),
  };
}
