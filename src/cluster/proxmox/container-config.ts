import type { LiveContainerConfig } from '../../core/live.ts';
import type { GuestConfig, Values } from './config.ts';
import { readDrive, toDisk } from './disk.ts';
import { type Property, readProperty } from './property.ts';

/**
 * What an absent key means is Proxmox's default (PVE 8.4 and 9.2, pct.conf): without `cores` a container has all of its
 * host's, told as 0, which no flake can want. A bind mount is told among the disks by its path: it is no volume, and still
 * more than the root that a new container has.
 */
export function toContainerConfig({ digest, values, pending }: GuestConfig): LiveContainerConfig {
  const net = netOf(values);
  const [uuid, bridge, gateway] = [macOf(values), net.get('bridge'), net.get('gw')];
  const disks = Object.fromEntries(mountsOf(values).map(([slot, text]) => [slot, toDisk(readDrive(text))]));
  const attached = new Set(Object.values(disks).map((disk) => disk.volid));
  return {
    digest,
    ...(uuid === undefined ? {} : { uuid }),
    cores: Number(values['cores'] ?? 0),
    memoryMb: Number(values['memory'] ?? 512),
    swapMb: Number(values['swap'] ?? 512),
    onboot: values['onboot'] === '1',
    protected: values['protection'] === '1',
    // Proxmox adds a line feed to the description of a container.
    description: (values['description'] ?? '').replace(/\n$/, ''),
    ...(bridge === undefined ? {} : { bridge }),
    ip: net.get('ip') ?? 'manual',
    ...(gateway === undefined ? {} : { gateway }),
    unprivileged: values['unprivileged'] === '1',
    features: featuresOf(values),
    disks,
    // The volume of a pending root is listed as unused until the restart that makes it the root.
    unused: Object.fromEntries(
      Object.entries(values).filter(([key, volid]) => /^unused\d+$/.test(key) && !attached.has(volid)),
    ),
    pending,
  };
}

/** The MAC address of net0: a container has no UUID, and this is made anew with each container. */
export function macOf(values: Values): string | undefined {
  return netOf(values).get('hwaddr');
}

/** The first network card, as its property string has it. */
export function netOf(values: Values): Property {
  return readProperty(values['net0'] ?? '', 'name');
}

function mountsOf(values: Values): [string, string][] {
  return Object.entries(values).filter(([key]) => /^(?:rootfs|mp\d+)$/.test(key));
}

function featuresOf(values: Values): string[] {
  const features = [...readProperty(values['features'] ?? '', 'name')];
  return features.flatMap(([name, value]) => (value === '1' ? [name] : [])).sort();
}
