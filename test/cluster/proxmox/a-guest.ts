import type { DesiredContainer, DesiredVm, GuestKind, Image } from '../../../src/core/guest.ts';

/** What may be changed of a guest of either kind. */
export type CommonChange = Partial<
  Omit<Pick<DesiredVm, keyof DesiredVm & keyof DesiredContainer>, 'kind' | 'diskSlot'>
>;

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

/** A container as a flake wants it. */
export function aContainer(change: Partial<DesiredContainer> = {}): DesiredContainer {
  const { sockets: _, scsiHw: _hw, ...common } = aGuest();
  return {
    ...common,
    kind: 'container',
    imageType: 'build-lxc-website',
    diskSlot: 'rootfs',
    swapMb: 256,
    ip: 'dhcp',
    unprivileged: true,
    features: ['nesting'],
    image: anImage('a', 'container'),
    ...change,
  };
}

/** An image whose store hash is one character, 32 times. */
export function anImage(letter: string, kind: GuestKind = 'vm'): Image {
  const [type, output] = kind === 'vm' ? ['build-qcow2-website', 'qcow2'] : ['build-lxc-website', 'tarball'];
  return {
    kind,
    type,
    attr: `nixosConfigurations.${type}.config.system.build.${output}`,
    drvPath: `/nix/store/${letter.repeat(32)}-nixos.drv`,
    storePath: `/nix/store/${letter.repeat(32)}-nixos`,
  };
}
