/** A disk of a guest; `sizeMb` in MiB, absent where Proxmox does not tell it. */
export interface LiveDisk {
  readonly volid: string;
  readonly storage: string;
  readonly sizeMb?: number;
}

/** A guest's configuration with its pending changes applied, every absent key filled with Proxmox's default. */
export interface LiveConfig {
  /** SHA-1 of the configuration; changes with every write. */
  readonly digest: string;
  /** The SMBIOS UUID: made at create, differs for a guest recreated under the same VMID. */
  readonly uuid?: string;
  readonly cores: number;
  readonly sockets: number;
  readonly memoryMb: number;
  readonly onboot: boolean;
  readonly protected: boolean;
  readonly description: string;
  readonly scsiHw: string;
  /** The bridge of net0. */
  readonly bridge?: string;
  /** By slot (`scsi0`), without CD drives and cloud-init. */
  readonly disks: Readonly<Record<string, LiveDisk>>;
  /** Volumes that belong to the guest and are not attached, by key (`unused0`). */
  readonly unused: Readonly<Record<string, string>>;
  readonly cloudInit?: { readonly slot: string; readonly storage: string };
  readonly boot: readonly string[];
  /** Keys with a value that waits for a stop and start. */
  readonly pending: readonly string[];
}

export type GuestStatus = 'running' | 'stopped' | 'unknown';

/** A guest that is there. `config` is read only for guests that are ours or wanted. */
export interface LiveGuest {
  readonly kind: 'vm' | 'container';
  readonly vmid: number;
  readonly node: string;
  readonly name: string;
  readonly status: GuestStatus;
  /** Lower case, sorted. */
  readonly tags: readonly string[];
  readonly lock?: string;
  readonly template: boolean;
  readonly config?: LiveConfig;
}

/** A node; `freeMemory` in bytes, absent where the token may not see it. */
export interface LiveNode {
  readonly node: string;
  readonly online: boolean;
  readonly freeMemory?: number;
  /** Names of the storages this node has. */
  readonly storages: readonly string[];
}

/** The cluster as one plan sees it. */
export interface LiveState {
  readonly guests: readonly LiveGuest[];
  readonly nodes: readonly LiveNode[];
}
