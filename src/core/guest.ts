import type { GuestKind } from './guest-ref.ts';
import type { ContainerFields, VmFields } from './settings.ts';

export { type GuestKind, type GuestRef, guestLabel } from './guest-ref.ts';
export type { HealthCheck } from './health.ts';

/** A request for the image of a configuration: a disk image for a VM, a root file system tarball for a container. */
export interface ImageRequest {
  readonly kind: GuestKind;
  /** The `nixosConfigurations` key. */
  readonly type: string;
}

/** An evaluated NixOS image. `storePath` is exact before the image is built. */
export interface Image {
  /** The kind of guest that the image is for. */
  readonly kind: GuestKind;
  /** The `nixosConfigurations` key, e.g. `build-qcow2-website`. */
  readonly type: string;
  /** The whole attribute, e.g. `nixosConfigurations.build-qcow2-website.config.system.build.qcow2`. */
  readonly attr: string;
  readonly drvPath: string;
  readonly storePath: string;
  /** The file's path below `storePath`: as the fleet's setting says, else where evaluation tells it (`passthru.filePath`). */
  readonly file?: string;
  /** The firmware that the image boots by, where evaluation tells it. */
  readonly firmware?: 'uefi' | 'bios';
}

/** The 32 characters of the store hash: what the tag `nix-<hash>` carries. */
export function imageHash(image: Pick<Image, 'storePath'>): string {
  return image.storePath.slice('/nix/store/'.length, '/nix/store/'.length + 32);
}

/** A VM as the flake wants it, every default filled in. */
export type VmSpec = {
  readonly kind: 'vm';
  /** Its key in `proxnix.vms`. */
  readonly key: string;
} & VmFields;

/** A container as the flake wants it, every default filled in. */
export type ContainerSpec = {
  readonly kind: 'container';
  /** Its key in `proxnix.containers`. */
  readonly key: string;
  /** A container has its root in this slot and no other. */
  readonly diskSlot: 'rootfs';
} & ContainerFields;

/** A guest as the flake wants it. */
export type GuestSpec = VmSpec | ContainerSpec;

/** A guest wanted, with the image it shall run. */
export type DesiredVm = VmSpec & { readonly image: Image };
/** A container wanted, with the image it shall run. */
export type DesiredContainer = ContainerSpec & { readonly image: Image };
/** A VM or container wanted, with the image it shall run. */
export type DesiredGuest = DesiredVm | DesiredContainer;

/** A key that is equal only for requests of the same image. */
export function imageKey({ kind, type }: ImageRequest): string {
  return `${kind} ${type}`;
}

/**
 * The name of an image in texts: its type, with a suffix for containers, because a VM's image may have the same type.
 */
export function imageTitle({ kind, type }: ImageRequest): string {
  return kind === 'vm' ? type : `${type} (container)`;
}
