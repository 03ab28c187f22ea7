import type { DesiredGuest, Image } from './guest.ts';

/**
 * One thing an apply does to one guest, as data; `Cluster.perform` carries it out. The order of a guest's steps is the
 * call sequence of its change. Every step can be read back from the live configuration, so it may be asked again after
 * a lost answer.
 */
export type GuestStep =
  /** An empty guest (no root disk) with its settings and the tags given. Refused when the VMID is taken. */
  | {
      readonly kind: 'create';
      readonly vmid: number;
      readonly node: string;
      readonly guest: DesiredGuest;
      readonly tags: string;
    }
  /** The image into the guest's empty root slot, as a copy; the slot becomes the boot disk. */
  | { readonly kind: 'import'; readonly vmid: number; readonly node: string; readonly guest: DesiredGuest }
  /** The root disk grows to `diskGb`; nothing happens when it is that large already. */
  | { readonly kind: 'resize'; readonly vmid: number; readonly node: string; readonly guest: DesiredGuest }
  | { readonly kind: 'start'; readonly vmid: number; readonly node: string }
  /** One write of every setting that differs from the guest wanted, with the tags given and the digest. */
  | {
      readonly kind: 'configure';
      readonly vmid: number;
      readonly node: string;
      readonly guest: DesiredGuest;
      readonly tags: string;
    }
  /** The root disk to another storage; online when the guest runs. */
  | { readonly kind: 'move-disk'; readonly vmid: number; readonly node: string; readonly guest: DesiredGuest }
  /** Makes pending changes real: a reboot by the server when the guest runs and something is pending, else nothing. */
  | { readonly kind: 'restart'; readonly vmid: number; readonly node: string }
  /** A staging guest with the new root disk beside the guest that goes on running. */
  | { readonly kind: 'stage'; readonly vmid: number; readonly node: string; readonly guest: DesiredGuest }
  /** The staged disk to the guest as an unused volume; the staging guest goes. */
  | { readonly kind: 'hand-over'; readonly vmid: number; readonly node: string; readonly guest: DesiredGuest }
  /** The staged disk becomes the root disk, pending while the guest runs; the old one stays as an unused volume. */
  | {
      readonly kind: 'swap';
      readonly vmid: number;
      readonly node: string;
      readonly guest: DesiredGuest;
      readonly tags: string;
    }
  /** The last step of a guest: the final tags, and protection where the flake wants it. */
  | {
      readonly kind: 'finish';
      readonly vmid: number;
      readonly node: string;
      readonly guest: DesiredGuest;
      readonly tags: string;
    }
  | { readonly kind: 'stop'; readonly vmid: number; readonly node: string }
  /** Deletes the guest with its disks; done already counts as done. */
  | { readonly kind: 'destroy'; readonly vmid: number; readonly node: string }
  /** Deletes a guest that a run left half made: `vmid` is the guest itself, or the one whose staging guest it is. */
  | { readonly kind: 'discard'; readonly vmid: number; readonly node: string; readonly staging: boolean };

/** What an apply does, in order. `id` is unique in a run and readable: `823 import`. */
export type Step = { readonly id: string } & (
  | { readonly kind: 'build'; readonly images: readonly Image[] }
  | { readonly kind: 'upload'; readonly image: Image; readonly node: string }
  | ({ readonly name: string } & GuestStep)
);
