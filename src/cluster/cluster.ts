import type { GuestRef, Image } from '../core/guest.ts';
import type { GuestTask, LiveGuest, LiveState } from '../core/live.ts';
import type { StepSpec } from '../core/steps.ts';
import type { SeenNode, SeenStorage } from '../views/overview.ts';

/**
 * The state that a guest must still have at the next write; a difference stops the run. Each write returns the
 * precondition for the state that it left.
 */
export interface Precondition extends GuestRef {
  /** The identity of the guest (`LiveConfig.uuid`); it differs for another guest under the same VMID. */
  readonly uuid: string;
  /** Digest of the configuration; sent along with the write where Proxmox takes it. */
  readonly digest: string;
}

/** Receives the progress of the cluster's work. Members may be called at any rate; the caller limits it. */
export interface ClusterMonitor {
  /** Receives the UPID of a task as soon as Proxmox has accepted it, so that it is journaled before it is followed. */
  task(upid: string): void;
  /**
   * Receives the progress of the step, in bytes where the cluster reports them. Of a wait, `s`: the seconds that passed
   * and how many there may be.
   */
  progress(done: number, total: number, unit: 'bytes' | '%' | 's'): void;
  /** Receives the volume of a backup that was made. */
  backup?(volid: string): void;
  /** Receives a line of a task's log, or a text about the current work of the step. */
  line(text: string): void;
}

/** An image file that is built and may be uploaded. Sizes in bytes. */
export interface ImageFile {
  readonly image: Image;
  readonly path: string;
  readonly size: number;
  /** The virtual size of a disk image; absent for a tarball. */
  readonly virtualSize?: number;
}

/** An image file of ours on a storage of the cluster. */
export interface StoredImage {
  /** The nodes that see the file: one, or all nodes that share the storage. */
  readonly nodes: readonly string[];
  readonly volid: string;
  /** The 32 characters of the store hash in the file's name. */
  readonly hash: string;
  /** In bytes. */
  readonly size: number;
  /** When it was uploaded, in milliseconds since the epoch, by the node's clock; absent where Proxmox does not tell. */
  readonly at?: number;
}

/** What a plan needs beside the state of the cluster. */
export interface MoreState {
  readonly unused: true;
  readonly backups?: readonly string[];
}

/** A guest for people to look at. */
export interface SeenGuest {
  /** As `list` has it. */
  readonly guest: LiveGuest;
  /** Seconds since its start; absent where it does not run or nothing is known. */
  readonly uptime?: number;
  /** Where people look at it. */
  readonly url: string;
}

/** A cluster as people look at it. No plan is made from it: names and states lag by 10 s. */
export interface ClusterView {
  readonly guests: readonly SeenGuest[];
  readonly nodes: readonly SeenNode[];
  readonly storages: readonly SeenStorage[];
}

/** A Proxmox VE cluster: read as a whole, changed one step at a time. All errors safe to show are `UserError`s. */
export interface Cluster {
  /**
   * Every guest that the token can see, with the configuration of those that are tagged `proxnix` or whose VMID is in
   * `wanted`. Makes one list call and one call for each of these, and one more the first time. Guests on a node that is
   * down are not taken for deleted.
   * @param more asks for the sizes of the unused volumes of guests that are ours and not wanted, and how long these have
   * been running: a plan that destroys one tells both. One more call for each storage that such a guest has any on. `backups`: the storages that guests are
   * backed up to, where the rights for that are asked for: one more call for each storage and one for all guests, or for
   * each guest where that one finds none
   */
  readState(wanted: ReadonlySet<number>, more?: MoreState): Promise<LiveState>;
  /**
   * Every guest that the token can see, without configurations, in one call. `status` may be 10 s old; it is `unknown`
   * for a new guest and on a node that is down.
   */
  list(): Promise<readonly LiveGuest[]>;
  /** What people see of the cluster: every guest that the token can see, nodes and storages. One call, as `list`. */
  view(): Promise<ClusterView>;
  /**
   * Uploads an image file as a stream to a storage from which `node` can create guests, named by its store hash. Sends
   * nothing when the file is there already. Refuses before the first byte when the storage cannot take it.
   */
  upload(file: ImageFile, node: string, monitor: ClusterMonitor): Promise<void>;
  /** The image files that `upload` put on the nodes that are online, for guests of either kind. */
  images(): Promise<readonly StoredImage[]>;
  /** Deletes an image file; succeeds when it is gone already. No import of the file may be running. */
  removeImage(image: StoredImage): Promise<void>;
  /**
   * Carries out one step. `precondition` is the guest's state at the last reading; `undefined` only for a guest that
   * does not exist yet. Before the write, the guest is compared with the precondition (UUID, digest) and must carry the
   * `proxnix` tag; only `adopt` needs no tag.
   * @returns the precondition for the next step; `undefined` when the guest is gone.
   */
  perform(
    step: StepSpec,
    precondition: Precondition | undefined,
    monitor: ClusterMonitor,
  ): Promise<Precondition | undefined>;
  /**
   * Waits for a task that an earlier process of the bot began.
   * @returns `ok`, or Proxmox's own text for the failure; `undefined` when the cluster no longer knows the task.
   */
  settle(upid: string): Promise<{ readonly ok: boolean; readonly text: string } | undefined>;
  /**
   * A guest's first address that is neither loopback nor link-local, reported by the agent of a VM or the host of a
   * container. Never throws.
   */
  address(at: GuestRef): Promise<string | undefined>;
  /**
   * What others did to a guest since a time (milliseconds since the epoch), the newest first, at most 5. Looks that
   * change nothing (consoles, backups) are left out, and so is what a setting was changed to in the web interface, which
   * Proxmox keeps no task of. Without Sys.Audit on the node Proxmox tells a token its own tasks alone: then it is empty.
   */
  tasksOf(at: GuestRef, since: number): Promise<readonly GuestTask[]>;
  close(): Promise<void>;
}
