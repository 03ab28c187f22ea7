import type { GuestKind, GuestRef } from '../../../core/guest.ts';
import type { Api } from '../api.ts';
import type { GuestConfig } from '../config.ts';
import type { Changes } from '../settings.ts';
import { prepareContainer } from './container/prepare.ts';
import { containerRoot } from './container/root.ts';
import type { Doing } from './step.ts';
import { prepareVm } from './vm/prepare.ts';
import { vmRoot } from './vm/root.ts';

/** How the root of a guest is replaced: what a VM and a container do differently in the same steps. */
export interface Kind {
  /** Makes the staging guest `at` with a new root from the uploaded image, ready to be handed over. */
  stage(doing: Doing<'prepare'>, at: GuestRef, image: string): Promise<void>;
  /** Where the new root lies in the staging guest. */
  readonly stagingSlot: string;
  /** The call that gives a volume of one guest to another, and what it calls the two slots. */
  readonly reassign: { readonly call: string; readonly task: string; readonly from: string; readonly to: string };
  /** What is written for an unused volume of the guest to become its root; the old one becomes unused. */
  asRoot(api: Api, at: GuestRef, config: GuestConfig, root: { slot: string; volid: string }): Promise<Changes>;
}

export const kinds: Readonly<Record<GuestKind, Kind>> = {
  vm: {
    stage: prepareVm,
    stagingSlot: 'scsi0',
    reassign: { call: 'move_disk', task: 'qmmove', from: 'disk', to: 'target-disk' },
    asRoot: vmRoot,
  },
  container: {
    stage: prepareContainer,
    stagingSlot: 'mp0',
    reassign: { call: 'move_volume', task: 'move_volume', from: 'volume', to: 'target-volume' },
    asRoot: containerRoot,
  },
};
