import type { VmSpec } from '../../../../core/guest.ts';
import type { Params } from '../../client.ts';

/** Options of a NixOS VM: agent, serial console, Linux. Its root disk comes with the import. */
export function newVm(guest: VmSpec): Params {
  return {
    name: guest.name,
    memory: guest.memoryMb,
    cores: guest.cores,
    sockets: guest.sockets,
    net0: `virtio,bridge=${guest.bridge}`,
    scsihw: guest.scsiHw,
    agent: 1,
    serial0: 'socket',
    ostype: 'l26',
    onboot: guest.onboot,
    ...(guest.cloudInit === undefined ? {} : { ide2: `${guest.cloudInit.storage}:cloudinit` }),
  };
}
