import type { DesiredVm } from '../../../src/core/guest.ts';

/** A VM as a flake wants it; tests change what they are about. */
export function aGuest(change: Partial<DesiredVm> = {}): DesiredVm {
  return {
    kind: 'vm',
    key: 'website',
    name: 'test-website',
    vmid: 823,
    imageType: 'build-qcow2-website',
    cores: 2,
    sockets: 1,
    memoryMb: 2048,
    diskGb: 2,
    storage: 'fast',
    protected: false,
    bridge: 'vmbr0',
    scsiHw: 'virtio-scsi-pci',
    diskSlot: 'scsi0',
    onboot: true,
    order: 0,
    description: 'the website',
    image: anImage('a'),
    ...change,
  };
}

/** An image whose store hash is one character, 32 times. */
export function anImage(letter: string): DesiredVm['image'] {
  const type = 'build-qcow2-website';
  return {
    kind: 'vm',
    type,
    attr: `nixosConfigurations.${type}.config.system.build.qcow2`,
    drvPath: `/nix/store/${letter.repeat(32)}-nixos.drv`,
    storePath: `/nix/store/${letter.repeat(32)}-nixos`,
  };
}
