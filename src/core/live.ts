import type { DiskOptions } from './data-disks.ts';
import type { HealthCheck } from './health.ts';
import type { ContainerSettings, VmSettings } from './settings.ts';

/** A disk of a guest; `sizeMb` in MiB, absent where Proxmox does not tell it. */
export interface LiveDisk {
  readonly volid: string;
  readonly storage: string;
  readonly sizeMb?: number;
  /** Where a container has it; absent for its root. */
  readonly path?: string;
  /** The options that are not as by default. */
  readonly options?: DiskOptions;
  /** The options that the core does not know, as the cluster writes them: they come back with the disk. */
  readonly others?: string;
}

/**
 * A root disk that was taken out of its slot and stays with its guest as an unused volume. The record is the only
 * source for the content of the volume, because the volume's name does not tell it. A volume without a record is never
 * deleted.
 */
export interface RetainedDisk {
  readonly vmid: number;
  /** The identity of the guest that the disk belongs to (`LiveConfig.uuid`). */
  readonly uuid: string;
  readonly volid: string;
  /** The image on the disk, from the guest's tags when the disk was taken out; absent when no tag named one. */
  readonly imageHash?: string;
  readonly commit?: string;
  readonly sizeMb?: number;
  /** When the disk was taken out, in milliseconds since the epoch. */
  readonly since: number;
  /** The health check that belongs to the image; absent: the default rule. */
  readonly health?: HealthCheck;
  /** The guest's agent answered on it. */
  readonly agent?: true;
  /** An automatic rollback took the disk out, because the guest did not become healthy on it: it is not offered. */
  readonly unhealthy?: true;
}

/** The configuration of a guest besides its settings. */
interface AnyLiveConfig {
  /** SHA-1 of the configuration; changes with every write. */
  readonly digest: string;
  /**
   * The identity of the guest, which differs from that of another guest under the same VMID: the SMBIOS UUID of a VM,
   * and the MAC address of net0 of a container, which has no UUID. Both are generated when the guest is created.
   */
  readonly uuid?: string;
  /** By slot (`scsi0`, `rootfs`), without CD drives and cloud-init. */
  readonly disks: Readonly<Record<string, LiveDisk>>;
  /** Disks that were taken out of their slots and that the running guest keeps until its restart. */
  readonly leaving?: Readonly<Record<string, LiveDisk>>;
  /** The slots whose disk changes at the next restart: `volume`, and the options that differ then as far as known. */
  readonly waiting?: Readonly<Record<string, readonly string[]>>;
  /** Volumes that belong to the guest and are not attached, by key (`unused0`). */
  readonly unused: Readonly<Record<string, string>>;
  /** The sizes of unused volumes in MiB by volume, where they were asked for and are known. */
  readonly unusedMb?: Readonly<Record<string, number>>;
  /** The keys of the settings that have a value waiting for a stop and start. */
  readonly pending: readonly string[];
  /** The values of these settings that hold until then, by the same keys; absent where nothing waits. */
  readonly inUse?: Readonly<Record<string, unknown>>;
  /** Other keys of Proxmox with such a value, and that value; empty: the key goes. Absent without any. */
  readonly otherPending?: readonly { readonly key: string; readonly to: string }[];
}

/**
 * A VM's configuration with its pending changes applied; absent keys have Proxmox's default. The name is a field of the
 * guest, because it is known without the configuration.
 */
export type LiveVmConfig = AnyLiveConfig &
  Omit<VmSettings, 'name'> & {
    readonly boot: readonly string[];
    /** Slots with a CD or the cloud-init drive. */
    readonly cds?: readonly string[];
    /** The small disks of its firmware: the EFI disk and the TPM state. */
    readonly firmware?: { readonly efi?: LiveDisk; readonly tpm?: LiveDisk };
  };

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
  /** As they stand in the configuration. */
  readonly tags: readonly string[];
  readonly lock?: string;
  /**
   * The state that HA holds the guest in; absent where HA does not manage it. Start and stop of a managed guest are
   * requests that are carried out about 16 s later (PVE 9.2).
   */
  readonly haState?: string;
  /** The pool that it is in; absent where it is in none, or the token may not see it. */
  readonly pool?: string;
  /** The state of QEMU of a VM that is running and stands still: `paused`, `io-error`, … */
  readonly paused?: string;
  /** How long it has been running, in seconds, where that was asked for and is known. */
  readonly uptimeS?: number;
  readonly template: boolean;
}

/** An existing VM. */
export interface LiveVm extends AnyLiveGuest {
  readonly kind: 'vm';
  readonly config?: LiveVmConfig;
}

/** An existing container. */
export interface LiveContainer extends AnyLiveGuest {
  readonly kind: 'container';
  readonly config?: LiveContainerConfig;
}

/** An existing guest. `config` is read only for guests that are ours or wanted. */
export type LiveGuest = LiveVm | LiveContainer;

/** A live guest whose configuration was read. */
export type KnownVm = LiveVm & { readonly config: LiveVmConfig };
/** A live container whose configuration was read. */
export type KnownContainer = LiveContainer & { readonly config: LiveContainerConfig };
/** A live guest of either kind whose configuration was read. */
export type KnownGuest = KnownVm | KnownContainer;

/** Work on a guest that somebody other than the bot asked for, from the cluster's list of tasks. */
export interface GuestTask {
  /** What was done, as a past participle: `stopped`, `resized`. */
  readonly did: string;
  /** The user or token: `root@pam`, `ada@pve!laptop`. */
  readonly who: string;
  /** Milliseconds since the epoch, by the node's clock. */
  readonly at: number;
  /** It started or stopped the guest, and changed nothing else of it. */
  readonly power?: true;
}

/** What a node's storage cannot do, or has too little of. What is unknown is absent and stops nothing. */
export interface StorageFacts {
  /** Free bytes of a storage on which a disk takes its whole size at once; absent where it takes what is written. */
  readonly free?: number;
  /** Bytes of a storage on which a disk takes what is written to it: all of it, and what is free. */
  readonly thin?: { readonly size: number; readonly free: number };
  readonly shared?: true;
  /** By kind of guest, why no root disk can be made there, and what to do. */
  readonly problems?: { readonly vm?: string; readonly container?: string };
  /** Why a disk there cannot be given to another guest, as a new root disk is, and what to do. */
  readonly noSwap?: string;
  /** Why no backup can be made there, and what to do. */
  readonly noBackup?: string;
}

/** A node; its memory, all and free, in bytes, and the number of its CPUs, absent where the token may not see them. */
export interface LiveNode {
  readonly node: string;
  readonly online: boolean;
  readonly memory?: number;
  readonly freeMemory?: number;
  readonly cpus?: number;
  /** Names of the storages this node has. */
  readonly storages: readonly string[];
  /** By storage, the facts that decide whether a disk can be made there. */
  readonly storageFacts?: Readonly<Record<string, StorageFacts>>;
  /** By kind of guest, why images cannot be uploaded for this node, and what to do; absent where they can. */
  readonly imageProblems?: { readonly vm?: string; readonly container?: string };
}

/** The state of the cluster that a plan is made from. */
export interface LiveState {
  readonly guests: readonly LiveGuest[];
  /** Wanted VMIDs that guests have which the token may not see, outside of its pool. */
  readonly hidden?: readonly number[];
  readonly nodes: readonly LiveNode[];
  /** By VMID, why the token cannot back a guest up, and what to do; absent where it can or nobody asked. */
  readonly noBackup?: Readonly<Record<number, string>>;
}
