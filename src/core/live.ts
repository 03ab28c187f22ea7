import type { ContainerSettings, VmSettings } from './settings.ts';

/** A disk of a guest; `sizeMb` in MiB, absent where Proxmox does not tell it. */
export interface LiveDisk {
  readonly volid: string;
  readonly storage: string;
  readonly sizeMb?: number;
}

/**
 * A root disk that was taken out of its slot and still lies with its guest as an unused volume. Only these records tell
 * which volume holds what: the volume's name does not. A volume without a record is never deleted.
 */
export interface RetainedDisk {
  readonly vmid: number;
  /** The identity of the machine it belongs to (`LiveConfig.uuid`). */
  readonly uuid: string;
  readonly volid: string;
  /** What it holds, as the guest's tags told when it was taken out; absent when they did not. */
  readonly imageHash?: string;
  readonly commit?: string;
  readonly sizeMb?: number;
  /** When it was taken out, in milliseconds since the epoch. */
  readonly since: number;
}

/** What is known of a guest's configuration beside its settings. */
interface AnyLiveConfig {
  /** SHA-1 of the configuration; changes with every write. */
  readonly digest: string;
  /**
   * What tells this machine from another one under the same VMID: the SMBIOS UUID of a VM; of a container, which has
   * none, the MAC address of net0. Both are made at create and differ for a guest that was made anew.
   */
  readonly uuid?: string;
  /** By slot (`scsi0`, `rootfs`), without CD drives and cloud-init. */
  readonly disks: Readonly<Record<string, LiveDisk>>;
  /** Volumes that belong to the guest and are not attached, by key (`unused0`). */
  readonly unused: Readonly<Record<string, string>>;
  /** The settings, by the keys of their rows, with a value that waits for a stop and start. */
  readonly pending: readonly string[];
}

/**
 * A VM's configuration with its pending changes applied, every absent key filled with Proxmox's default. Its name stands
 * with the guest, where it is known of every guest.
 */
export type LiveVmConfig = AnyLiveConfig & Omit<VmSettings, 'name'> & { readonly boot: readonly string[] };

/** The same of a container. */
export type LiveContainerConfig = AnyLiveConfig & Omit<ContainerSettings, 'name'>;

/** The configuration of a VM or a container. */
export type LiveConfig = LiveVmConfig | LiveContainerConfig;

/** `unknown`: its node is down, or the list does not know a new guest yet. */
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

/** A VM that is there. */
export interface LiveVm extends AnyLiveGuest {
  readonly kind: 'vm';
  readonly config?: LiveVmConfig;
}

/** A container that is there. */
export interface LiveContainer extends AnyLiveGuest {
  readonly kind: 'container';
  readonly config?: LiveContainerConfig;
}

/** A guest that is there. `config` is read only for guests that are ours or wanted. */
export type LiveGuest = LiveVm | LiveContainer;

/** A live guest whose configuration was read. */
export type KnownVm = LiveVm & { readonly config: LiveVmConfig };
/** A live container whose configuration was read. */
export type KnownContainer = LiveContainer & { readonly config: LiveContainerConfig };
/** A live guest of either kind whose configuration was read. */
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
