import type { ContainerSpec } from '../../../../core/guest.ts';
import type { Params } from '../../client.ts';
import { withAddress } from './net.ts';

/**
 * Options of a NixOS container, its root among them: unpacked from the template. With `ostype=nixos` (8.4 and 9.2)
 * Proxmox writes the addresses as systemd-networkd files, which NixOS reads; its login stands at /dev/console.
 * `unprivileged` is always sent: without it 8.4 and 9.x make different containers.
 */
export function newContainer(guest: ContainerSpec, template: string): Params {
  return {
    ...root(guest, template),
    hostname: guest.name,
    memory: guest.memoryMb,
    swap: guest.swapMb,
    cores: guest.cores,
    net0: withAddress('name=eth0', guest),
    unprivileged: guest.unprivileged,
    cmode: 'console',
    onboot: guest.onboot,
    ...(guest.features.length === 0 ? {} : { features: features(guest) }),
  };
}

/** The root file system that a create call makes, in a storage by its size in GiB. */
export function root({ storage, diskGb }: ContainerSpec, template: string): Params {
  return { ostemplate: template, rootfs: `${storage}:${diskGb}`, ostype: 'nixos' };
}

export function features(guest: Pick<ContainerSpec, 'features'>): string {
  return guest.features.map((name) => `${name}=1`).join(',');
}
