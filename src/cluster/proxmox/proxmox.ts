import { isIP } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { GuestDetails } from '../../core/flake-entry.ts';
import { type GuestRef, guestLabel } from '../../core/guest.ts';
import type { GuestTask, LiveGuest, LiveState } from '../../core/live.ts';
import type { StepSpec } from '../../core/steps.ts';
import { type GuestProbe, NotAllowed } from '../../health/health.ts';
import type {
  Cluster,
  ClusterMonitor,
  ClusterView,
  ImageFile,
  MoreState,
  Precondition,
  StoredImage,
} from '../cluster.ts';
import {
  AgentInterfaces,
  type Api,
  ContainerInterfaces,
  CurrentStatus,
  defaultTimeouts,
  guestPath,
  type Timeouts,
} from './api.ts';
import { Client, type Log } from './client.ts';
import { readDetails } from './details.ts';
import { ProxmoxError } from './errors.ts';
import { listImages, rememberVersion, removeImage, uploadImage } from './images.ts';
import { validateNames } from './settings.ts';
import { listGuests, readState } from './state.ts';
import { backup } from './steps/backup.ts';
import { adopt, configure, create, finish, moveToPool } from './steps/create.ts';
import { dataDisks, restoreDisks } from './steps/data-disks.ts';
import { destroy, discard, free } from './steps/destroy.ts';
import { moveFirmware } from './steps/firmware.ts';
import { settleRequest } from './steps/ha.ts';
import { restart, shutdown, start, stop } from './steps/power.ts';
import { importDisk, moveDisk, resize, rollback, swap } from './steps/root-disk.ts';
import { attach, prepare } from './steps/staging.ts';
import { followTask, isOf, readOthersTasks, silent, waitForActive } from './tasks.ts';
import { viewCluster } from './view.ts';

/** The connection to one cluster, and where images and guests go. */
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
  readonly #origin: string;

  constructor(options: ProxmoxOptions) {
    this.#origin = options.url;
    const { secret, log = { debug() {}, warn() {} }, now = Date.now, sleep = wait } = options;
    const timeouts = { ...defaultTimeouts, ...options.timeouts };
    const client = new Client({ ...options, secret, log, requestMs: timeouts.requestMs, now, sleep });
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

  readState(wanted: ReadonlySet<number>, more?: MoreState): Promise<LiveState> {
    return readState(this.#api, wanted, more);
  }

  /** The questions of a health check, asked over the same connection. */
  probe(): GuestProbe {
    return proxmoxProbe(this.#api);
  }

  list(): Promise<readonly LiveGuest[]> {
    return listGuests(this.#api);
  }

  view(): Promise<ClusterView> {
    return viewCluster(this.#api, this.#origin);
  }

  /** What the configuration of a guest tells that no plan needs, for the entry of a flake. */
  details(at: GuestRef): Promise<GuestDetails> {
    return readDetails(this.#api, at);
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

  async settle(upid: string): Promise<{ readonly ok: boolean; readonly text: string } | undefined> {
    const end = await followTask(this.#api, upid, silent);
    if (end?.ok) await settleRequest(this.#api, upid);
    return end;
  }

  address(at: GuestRef): Promise<string | undefined> {
    return readAddress(this.#api, at);
  }

  tasksOf(at: GuestRef, since: number): Promise<readonly GuestTask[]> {
    return readOthersTasks(this.#api, at, since);
  }

  async close(): Promise<void> {
    this.#api.client.close();
  }
}

async function wait(ms: number): Promise<void> {
  await setTimeout(ms);
}

/**
 * The texts of Proxmox about a guest's agent; only a VM can have one. They are the same in 8.4 and 9.2; the last one
 * means that the agent was there and does not answer in time (`qmp command` in 8.4, `qga command` in 9.x;
 * QMPClient.pm).
 */
const noAgent = /^QEMU guest agent is not running$|^VM \d+ is not running$|^VM \d+ (?:qmp|qga) command '.*' failed/;
const absent = /^No QEMU guest agent configured$/;

/** The questions of a health check, asked over the API. */
export function proxmoxProbe(api: Api): GuestProbe {
  return {
    async running(at) {
      const path = `${guestPath(at)}/status/current`;
      const { status, qmpstatus = status } = await asked(api.client.get(path, CurrentStatus));
      if (status !== 'running') return 'stopped';
      return qmpstatus === 'running' ? 'running' : { stands: qmpstatus };
    },
    async agentPing(at) {
      if (at.guestKind === 'container') return 'absent';
      try {
        await asked(api.client.request('POST', `${guestPath(at)}/agent/ping`));
        return 'ok';
      } catch (error) {
        if (error instanceof ProxmoxError && noAgent.test(error.reason)) return 'silent';
        if (error instanceof ProxmoxError && absent.test(error.reason)) return 'absent';
        throw error;
      }
    },
    address: (at) => readAddress(api, at),
  };
}

/** A missing privilege is still missing at the next observation, so waiting does not help. */
async function asked<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof ProxmoxError) || error.status !== 403) throw error;
    const [, where = 'the guest', privileges = ''] = /\(([^,]{1,200}), ([^)]{1,500})\)/.exec(error.reason) ?? [];
    const missing = privileges === '' ? error.reason : `${privileges.replaceAll('|', ' or ')} is missing on ${where}`;
    throw new NotAllowed(`The token may not ask for the health of the guest: ${missing}.`, {
      cause: error,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  }
}

const local = /^(?:127\.|169\.254\.|::1$|fe80:)/i;

/**
 * The first address that is reachable from other machines, IPv4 before IPv6, reported by the agent of a VM or the host
 * of a container. `undefined` on any refusal: many VMs have no agent.
 */
export async function readAddress(api: Api, at: GuestRef): Promise<string | undefined> {
  try {
    const cards = (await interfacesOf(api, at)).filter((card) => card.name !== 'lo');
    const addresses = cards.flatMap((card) => card['ip-addresses'].map((address) => address['ip-address']));
    // The agent runs in the guest, so its answer is not trusted.
    const reachable = addresses.filter((address) => isIP(address) !== 0 && !local.test(address));
    return reachable.find((address) => !address.includes(':')) ?? reachable[0];
  } catch (error) {
    api.log.debug({ ...at, error }, 'no address of the guest is reported');
    return undefined;
  }
}

async function interfacesOf(api: Api, at: GuestRef) {
  const path = guestPath(at);
  return at.guestKind === 'vm'
    ? (await api.client.get(`${path}/agent/network-get-interfaces`, AgentInterfaces)).result
    : ((await api.client.get(`${path}/interfaces`, ContainerInterfaces)) ?? []);
}

/** Carries out one step, after the tasks that still run on its guest. */
export async function performStep(
  api: Api,
  step: StepSpec,
  precondition: Precondition | undefined,
  monitor: ClusterMonitor,
): Promise<Precondition | undefined> {
  validateNames(step.node, 'guest' in step ? step.guest : undefined);
  await waitForActive(api, step.node, isOf(step.vmid));
  if (step.kind === 'create') return create(api, step, monitor);
  if (step.kind === 'discard') return discard(api, step, precondition, monitor);
  if (precondition === undefined) throw new Error(`the step ${step.kind} of ${guestLabel(step)} needs a precondition`);
  if (guestPath(precondition) !== guestPath(step)) {
    throw new Error(`the precondition of ${guestPath(precondition)} came with a step of ${guestPath(step)}`);
  }
  switch (step.kind) {
    case 'import':
      return importDisk({ api, step, precondition, monitor });
    case 'resize':
      return resize({ api, step, precondition, monitor });
    case 'start':
      return start({ api, step, precondition, monitor });
    case 'configure':
      return configure({ api, step, precondition, monitor });
    case 'move-disk':
      return moveDisk({ api, step, precondition, monitor });
    case 'move-firmware':
      return moveFirmware({ api, step, precondition, monitor });
    case 'data-disks':
      return dataDisks({ api, step, precondition, monitor });
    case 'restore-disks':
      return restoreDisks({ api, step, precondition, monitor });
    case 'restart':
      return restart({ api, step, precondition, monitor });
    case 'backup':
      return backup({ api, step, precondition, monitor });
    case 'prepare':
      return prepare({ api, step, precondition, monitor });
    case 'attach':
      return attach({ api, step, precondition, monitor });
    case 'swap':
      return swap({ api, step, precondition, monitor });
    case 'rollback':
      return rollback({ api, step, precondition, monitor });
    case 'finish':
      return finish({ api, step, precondition, monitor });
    case 'adopt':
      return adopt({ api, step, precondition, monitor });
    case 'stop':
      return stop({ api, step, precondition, monitor });
    case 'shutdown':
      return shutdown({ api, step, precondition, monitor });
    case 'pool':
      return moveToPool({ api, step, precondition, monitor });
    case 'destroy':
      return destroy({ api, step, precondition, monitor });
    case 'free':
      return free({ api, step, precondition, monitor });
    default:
      throw new Error(`no such step: ${JSON.stringify(step satisfies never)}`);
  }
}
