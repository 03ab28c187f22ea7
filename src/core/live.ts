/** A disk of a guest; `sizeMb` in MiB, absent where Proxmox does not tell it. */
export interface LiveDisk {
  readonly volid: string;
  readonly storage: string;
  readonly sizeMb?: number;
}

/** A guest's configuration with its pending changes applied, every absent key filled with Proxmox's default. */
interface AnyLiveConfig {
  /** SHA-1 of the configuration; changes with every write. */
  readonly digest: string;
  /**
   * What tells this machine from another one under the same VMID: the SMBIOS UUID of a VM; of a container, which has
   * none, the MAC address of net0. Both are made at create and differ for a guest that was made anew.
   */
  readonly uuid?: string;
  /** 0 of a container that has no limit: all of its host's. */
  readonly cores: number;
  readonly memoryMb: number;
  readonly onboot: boolean;
  readonly protected: boolean;
  readonly description: string;
  /** The bridge of net0. */
  readonly bridge?: string;
  /** By slot (`scsi0`, `rootfs`), without CD drives and cloud-init. */
  readonly disks: Readonly<Record<string, LiveDisk>>;
  /** Volumes that belong to the guest and are not attached, by key (`unused0`). */
  readonly unused: Readonly<Record<string, string>>;
  /** Keys with a value that waits for a stop and start. */
  readonly pending: readonly string[];
}

export interface LiveVmConfig extends AnyLiveConfig {
  readonly sockets: number;
  readonly scsiHw: string;
  readonly cloudInit?: { readonly slot: string; readonly storage: string };
  readonly boot: readonly string[];
}

export interface LiveContainerConfig extends AnyLiveConfig {
  readonly swapMb: number;
  /** Of net0, as `ContainerSpec` has them. */
  readonly ip: string;
  readonly gateway?: string;
  readonly unprivileged: boolean;
  /** Names of the features that are on, sorted. */
  readonly features: readonly string[];
}

export type LiveConfig = LiveVmConfig | LiveContainerConfig;

export type GuestStatus = 'running' | 'stopped' | 'unknown';

interface AnyLiveGuest {
  readonly vmid: number;
  readonly node: string;
  readonly name: string;
  readonly status: GuestStatus;
  /** Lower case, sorted. */
  readonly tags: readonly string[];
  readonly lock?: string;
  readonly template: boolean;
}

export interface LiveVm extends AnyLiveGuest {
  readonly kind: 'vm';
  readonly config?: LiveVmConfig;
}

export interface LiveContainer extends AnyLiveGuest {
  readonly kind: 'container';
  readonly config?: LiveContainerConfig;
}

/** A guest that is there. `config` is read only for guests that are ours or wanted. */
export type LiveGuest = LiveVm | LiveContainer;

/** A live guest whose configuration was read. */
export type KnownVm = LiveVm & { readonly config: LiveVmConfig };
export type KnownContainer = LiveContainer & { readonly config: LiveContainerConfig };
export type KnownGuest = KnownVm | KnownContainer;

/** A node; `freeMemory` in bytes, absent where the token may not see it. */
export interface LiveNode {
  readonly node: string;
  readonly online: boolean;
  readonly freeMemory?: number;
  /** Names of the storages this node has. */
  readonly storages: readonly string[];
  /** By kind of guest, why this node cannot get images for it, and what to do; absent where it can. */
  readonly imageProblems?: { readonly vm?: string; readonly container?: string };
}

/** The cluster as one plan sees it. */
export interface LiveState {
  readonly guests: readonly LiveGuest[];
  readonly nodes: readonly LiveNode[];
}
