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

/** Where a guest is, and what it is: all that an API call about it needs. */
export interface GuestRef {
  readonly guestKind: GuestKind;
  readonly vmid: number;
  readonly node: string;
}

/** One guest as the flake wants it, every default filled in. Sizes: MiB for memory, GiB for the root disk. */
interface AnyGuestSpec {
  /** Its key in `proxnix.vms` or `proxnix.containers`. */
  readonly key: string;
  readonly name: string;
  readonly vmid: number;
  readonly imageType: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly storage: string;
  readonly protected: boolean;
  readonly bridge: string;
  /** The slot of the root disk: `scsi0`, or `rootfs` of a container. */
  readonly diskSlot: string;
  readonly node?: string;
  readonly onboot: boolean;
  readonly order: number;
  readonly description: string;
  readonly health?: HealthCheck;
}

export interface VmSpec extends AnyGuestSpec {
  readonly kind: 'vm';
  readonly sockets: number;
  readonly cloudInit?: { readonly storage: string };
  readonly scsiHw: string;
}

export interface ContainerSpec extends AnyGuestSpec {
  readonly kind: 'container';
  readonly diskSlot: 'rootfs';
  readonly swapMb: number;
  /** `dhcp`, `manual`, or an IPv4 address with its prefix (`10.0.0.5/24`). */
  readonly ip: string;
  /** The IPv4 gateway, where the address is a fixed one. */
  readonly gateway?: string;
  readonly unprivileged: boolean;
  /** Names of the features that are on, sorted: `nesting`. */
  readonly features: readonly string[];
}

export type GuestSpec = VmSpec | ContainerSpec;

/** A guest wanted, with the image it shall run. */
export type DesiredVm = VmSpec & { readonly image: Image };
export type DesiredContainer = ContainerSpec & { readonly image: Image };
export type DesiredGuest = DesiredVm | DesiredContainer;

/** How Proxmox itself names one guest: `VM 823`, `CT 830`. */
export function guestLabel({ guestKind, vmid }: Pick<GuestRef, 'guestKind' | 'vmid'>): string {
  return `${guestKind === 'vm' ? 'VM' : 'CT'} ${vmid}`;
}
