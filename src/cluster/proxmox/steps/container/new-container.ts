import type { ContainerSpec } from '../../../../core/guest.ts';
import type { Params } from '../../client.ts';
import { newSettings } from '../../settings.ts';

/**
 * A new NixOS container, its root among its options: unpacked from the template. With `ostype=nixos` (8.4 and 9.2)
 * Proxmox writes the addresses as systemd-networkd files, which NixOS reads; its login stands at /dev/console.
 */
export function newContainer(guest: ContainerSpec, template: string): Params {
  return { ...root(guest, template), ...newSettings(guest), cmode: 'console' };
}

/** The root file system that a create call makes, in a storage by its size in GiB. */
export function root({ storage, diskGb }: ContainerSpec, template: string): Params {
  return { ostemplate: template, rootfs: `${storage}:${diskGb}`, ostype: 'nixos' };
}
