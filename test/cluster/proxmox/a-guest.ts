import type { DesiredContainer, DesiredVm } from '../../../src/core/guest.ts';
import * as builders from '../../support/builders.ts';

/** What may be changed of a guest of either kind. */
export type CommonChange = Partial<
  Omit<Pick<DesiredVm, keyof DesiredVm & keyof DesiredContainer>, 'kind' | 'diskSlot'>
>;

/** A guest that every world of the contract has room for. */
const small = { name: 'test-website', vmid: 823, diskGb: 2, storage: 'fast', description: 'the website' };

export function aGuest(change: Partial<DesiredVm> = {}): DesiredVm {
  return builders.aGuest({ ...small, ...change });
}

export function aContainer(change: Partial<DesiredContainer> = {}): DesiredContainer {
  const image = builders.anImage('a', 'container');
  const sizes = { cores: 2, memoryMb: 2048, swapMb: 256 };
  return builders.aContainer({ ...small, ...sizes, key: 'website', imageType: image.type, image, ...change });
}
