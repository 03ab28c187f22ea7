import type { DesiredContainer, DesiredVm, GuestKind, Image } from '../../../src/core/guest.ts';
import { readContainer, readVm } from '../../support/builders.ts';

/** What may be changed of a guest of either kind. */
export type CommonChange = Partial<
  Omit<Pick<DesiredVm, keyof DesiredVm & keyof DesiredContainer>, 'kind' | 'diskSlot'>
>;

const website = {
  ...{ name: 'test-website', vm_id: 823, cores: 2, memory_mb: 2048, disk_gb: 2, storage_location: 'fast' },
  description: 'the website',
};

/** A VM as a flake wants it; tests change what they are about. */
export function aGuest(change: Partial<DesiredVm> = {}): DesiredVm {
  const ofVm = { image_type: 'build-qcow2-website', sockets: 1, cloud_init: 'None', protected: false };
  return { ...readVm('website', { ...website, ...ofVm }), image: anImage('a'), ...change };
}

/** A container as a flake wants it. */
export function aContainer(change: Partial<DesiredContainer> = {}): DesiredContainer {
  const ofContainer = { image_type: 'build-lxc-website', swap_mb: 256 };
  return {
    ...readContainer('website', { ...website, ...ofContainer }),
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
