/** A VM or a container: as Proxmox VE calls the two, `qemu` and `lxc` in its API. Both are guests. */
export type GuestKind = 'vm' | 'container';

/** Which image of a configuration: a VM runs a disk image of it, a container its root file system as a tarball. */
export interface ImageRequest {
  readonly kind: GuestKind;
  /** The `nixosConfigurations` key. */
  readonly type: string;
}

/** A NixOS image as evaluation knows it; `storePath` is exact before anything is built. */
export interface Image {
  /** What it is for. */
  readonly kind: GuestKind;
  /** The `nixosConfigurations` key, e.g. `build-qcow2-website`. */
  readonly type: string;
  /** The whole attribute, e.g. `nixosConfigurations.build-qcow2-website.config.system.build.qcow2`. */
  readonly attr: string;
  readonly drvPath: string;
  readonly storePath: string;
  /** The file's path below `storePath` where evaluation tells it (`passthru.filePath`). */
  readonly file?: string;
}

/** The 32 characters of the store hash: what the tag `nix-<hash>` carries. */
export function imageHash(image: Pick<Image, 'storePath'>): string {
  return image.storePath.slice('/nix/store/'.length, '/nix/store/'.length + 32);
}

/** How a started guest is judged; absent in the flake: the defaults of the health check. */
export interface HealthCheck {
  readonly agent: boolean;
  readonly tcp: readonly number[];
  readonly http?: string;
  readonly timeoutS: number;
}

/** One VM as the flake wants it, every default filled in. Sizes: MiB for memory, GiB for the root disk. */
export interface GuestSpec {
  readonly kind: 'vm';
  /** Its key in `proxnix.vms`. */
  readonly key: string;
  readonly name: string;
  readonly vmid: number;
  readonly imageType: string;
  readonly cores: number;
  readonly sockets: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly storage: string;
  readonly cloudInit?: { readonly storage: string };
  readonly protected: boolean;
  readonly bridge: string;
  readonly scsiHw: string;
  /** The slot of the root disk, e.g. `scsi0`. */
  readonly diskSlot: string;
  readonly node?: string;
  readonly onboot: boolean;
  readonly order: number;
  readonly description: string;
  readonly health?: HealthCheck;
}

/** A VM wanted, with the image it shall run. */
export interface DesiredGuest extends GuestSpec {
  readonly image: Image;
}
