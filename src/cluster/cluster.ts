import type { GuestRef, Image } from '../core/guest.ts';
import type { LiveGuest, LiveState } from '../core/live.ts';
import type { StepSpec } from '../core/steps.ts';

/**
 * What a guest must still be at the next write: anything else stops the run. Each write answers with the precondition of the
 * state it left.
 */
export interface Precondition extends GuestRef {
  /** The identity of the machine, as `LiveConfig.uuid` has it: another one is another machine under the same VMID. */
  readonly uuid: string;
  /** Digest of the configuration; sent along with the write where Proxmox takes it. */
  readonly digest: string;
}

/** Where the cluster reports what goes on. All members may be called at any rate; the caller slows them down. */
export interface ClusterMonitor {
  /** The UPID of a task, at once after it was accepted: it is journaled before it is followed. */
  task(upid: string): void;
  /** How far the step is; bytes where the cluster tells them. */
  progress(done: number, total: number, unit: 'bytes' | '%'): void;
  /** A line of a task's log, or what the step does now. */
  line(text: string): void;
}

/** An image file that is built and may be uploaded. Sizes in bytes. */
export interface ImageFile {
  readonly image: Image;
  readonly path: string;
  readonly size: number;
  /** Of a disk image; a tarball tells none. */
  readonly virtualSize?: number;
}

/** An image file of ours that lies on a storage of the cluster. */
export interface StoredImage {
  /** The nodes that see it: one, or all that share the storage. */
  readonly nodes: readonly string[];
  readonly volid: string;
  /** The 32 characters of the store hash it is named by. */
  readonly hash: string;
  /** In bytes. */
  readonly size: number;
  /** When it was uploaded, in milliseconds since the epoch, by the node's clock. */
  readonly at: number;
}

/** A Proxmox VE cluster: read as a whole, changed one step at a time. All errors safe to show are `UserError`s. */
export interface Cluster {
  /**
   * Every guest the token can see; the configuration of those that are tagged `proxnix` or whose VMID is in `wanted`.
   * One list call and one call for each of these; the first time it may take one more. Never takes a node that is down
   * for guests that are gone.
   */
  readState(wanted: ReadonlySet<number>): Promise<LiveState>;
  /**
   * Every guest the token can see, without configurations, in one call. What it says of `status` may be 10 s old; it is
   * `unknown` for a new guest and on a node that is down.
   */
  list(): Promise<readonly LiveGuest[]>;
  /**
   * Brings an image file to where `node` can make guests of it from, streamed, named by its store hash; nothing is sent when it
   * is there already. Refused before the first byte when the storage cannot take it.
   */
  upload(file: ImageFile, node: string, monitor: ClusterMonitor): Promise<void>;
  /** The image files that `upload` brought to the nodes that are online, for guests of either kind. */
  images(): Promise<readonly StoredImage[]>;
  /** Deletes an image file; one that is gone counts as done. Nothing may be importing from it. */
  removeImage(image: StoredImage): Promise<void>;
  /**
   * Carries out one step. `precondition` is the guest's state at the last look; `undefined` only for a guest that is not there
   * yet. Before it writes, the guest is compared with the precondition (UUID, digest) and with the `proxnix` tag, which
   * only `adopt` does without.
   * @returns the precondition for the next step; `undefined` when the guest is gone.
   */
  perform(
    step: StepSpec,
    precondition: Precondition | undefined,
    monitor: ClusterMonitor,
  ): Promise<Precondition | undefined>;
  /**
   * Waits for a task that an earlier process of the bot began. @returns `ok` or Proxmox's own words for what failed;
   * `undefined` when the cluster does not know the task any more.
   */
  settle(upid: string): Promise<{ readonly ok: boolean; readonly text: string } | undefined>;
  /**
   * A guest's first address that is neither loopback nor link-local, as the agent of a VM or the host of a container
   * tells it. Never throws.
   */
  address(at: GuestRef): Promise<string | undefined>;
  close(): Promise<void>;
}
