import { setTimeout } from 'node:timers/promises';
import type { GuestRef } from '../../core/guest.ts';
import type { LiveGuest, LiveState } from '../../core/live.ts';
import type { StepSpec } from '../../core/steps.ts';
import type { GuestProbe } from '../../health/health.ts';
import type { Cluster, ClusterMonitor, ImageFile, Precondition, StoredImage } from '../cluster.ts';
import { type Api, defaultTimeouts, type Log, type Timeouts } from './api.ts';
import { Client } from './client.ts';
import { listImages, rememberVersion, removeImage } from './images.ts';
import { proxmoxProbe, readAddress } from './probe.ts';
import { listGuests, readState } from './state.ts';
import { performStep } from './steps/index.ts';
import { followTask, silent } from './tasks.ts';
import { uploadImage } from './upload.ts';

/** How one cluster is reached and used. */
export interface ProxmoxOptions {
  /** Origin of the API, e.g. `https://pve1.example.net:8006`; plain HTTP only to the machine itself. */
  readonly url: string;
  /** `user@realm!token`. */
  readonly tokenId: string;
  readonly secret: string;
  /** PEM text of the CA that signed the nodes' certificates (`/etc/pve/pve-root-ca.pem`). */
  readonly ca?: string;
  /** SHA-256 fingerprints of the certificates, upper case with colons. */
  readonly fingerprints?: readonly string[];
  /** The storage that images are uploaded to: with the content `import` for VMs, `vztmpl` for containers. */
  readonly imageStorage: string;
  /** The pool new guests are put into; needed when the token has rights on a pool only. */
  readonly pool?: string;
  readonly log?: Log;
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
  /** The VMID of a guest's staging guest, in a range that nothing else uses. */
  readonly stagingVmid?: (vmid: number) => number;
  readonly timeouts?: Partial<Timeouts>;
}

/** A Proxmox VE cluster (8.4 or newer) behind its HTTP API, with an API token. */
export class ProxmoxCluster implements Cluster {
  readonly #api: Api;

  constructor(options: ProxmoxOptions) {
    const { secret, log = { debug() {}, warn() {} }, now = Date.now, sleep = wait } = options;
    const timeouts = { ...defaultTimeouts, ...options.timeouts };
    const client = new Client({ ...options, secret, requestMs: timeouts.requestMs, now, sleep });
    this.#api = {
      client,
      version: rememberVersion(client),
      imageStorage: options.imageStorage,
      pool: options.pool,
      log,
      now,
      sleep,
      stagingVmid: options.stagingVmid ?? ((vmid) => 900_000_000 + (vmid % 90_000_000)),
      timeouts,
      seenUpids: new Set(),
    };
  }

  readState(wanted: ReadonlySet<number>): Promise<LiveState> {
    return readState(this.#api, wanted);
  }

  /** The questions of a health check, asked over the same connection. */
  probe(): GuestProbe {
    return proxmoxProbe(this.#api);
  }

  list(): Promise<readonly LiveGuest[]> {
    return listGuests(this.#api);
  }

  upload(file: ImageFile, node: string, monitor: ClusterMonitor): Promise<void> {
    return uploadImage(this.#api, file, node, monitor);
  }

  images(): Promise<readonly StoredImage[]> {
    return listImages(this.#api);
  }

  removeImage(image: StoredImage): Promise<void> {
    return removeImage(this.#api, image, silent);
  }

  perform(
    step: StepSpec,
    precondition: Precondition | undefined,
    monitor: ClusterMonitor,
  ): Promise<Precondition | undefined> {
    return performStep(this.#api, step, precondition, monitor);
  }

  settle(upid: string): Promise<{ readonly ok: boolean; readonly text: string } | undefined> {
    return followTask(this.#api, upid, silent);
  }

  address(at: GuestRef): Promise<string | undefined> {
    return readAddress(this.#api, at);
  }

  async close(): Promise<void> {
    this.#api.client.close();
  }
}

async function wait(ms: number): Promise<void> {
  await setTimeout(ms);
}
