import { z } from 'zod';
import type { GuestRef } from '../../core/guest.ts';
import type { Client, Log } from './client.ts';
import { ProxmoxError } from './errors.ts';

/** The client and the settings that all parts of the adapter share. */
export interface Api {
  readonly client: Client;
  /** The version of the node that serves the API; read once. */
  readonly version: () => Promise<string>;
  /** The storage that images are uploaded to. */
  readonly imageStorage: string;
  readonly pool: string | undefined;
  readonly log: Log;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** The first VMID tried for the staging guest of a guest. */
  readonly stagingVmid: (vmid: number) => number;
  readonly timeouts: Timeouts;
  /** The UPIDs that calls have returned: none of them is the task of a call whose answer was lost. */
  readonly seenUpids: Set<string>;
}

/** Time limits, in milliseconds. */
export interface Timeouts {
  /** One answer of the API. */
  readonly requestMs: number;
  /** An upload without progress, including the answer after its last byte. */
  readonly stallMs: number;
  /** Waiting for another task or a backup that holds the guest. */
  readonly busyMs: number;
  /** The pauses between two readings of a task; the last one is repeated. */
  readonly pollMs: readonly number[];
  /** The pause between two readings of a task's log. */
  readonly logMs: number;
  /** A guest gets this long to shut down before it is stopped. */
  readonly shutdownMs: number;
  /** After a stop, before a start: the clean-up of the stop holds the guest's lock. */
  readonly pauseMs: number;
  /** HA gets this long to stop or start a guest after a request; it waits for its next round first (10 s). */
  readonly haMs: number;
  /** A request of an earlier process that is younger may still be carried out (9.2: after 11 to 17 s). */
  readonly haDelayMs: number;
  /** After a reboot: when this is over and the guest does not run, its start has failed. */
  readonly startMs: number;
  /** The longest task of each type; `default` for those not named. */
  readonly taskMs: Readonly<Record<string, number>>;
}

const minute = 60_000;

/** The default time limits. */
export const defaultTimeouts: Timeouts = {
  requestMs: 45_000,
  stallMs: 2 * minute,
  busyMs: minute,
  pollMs: [500, 1000, 2000],
  logMs: 3000,
  shutdownMs: 2 * minute,
  pauseMs: 3000,
  haMs: 5 * minute,
  haDelayMs: minute,
  startMs: 5000,
  taskMs: {
    default: 10 * minute,
    qmconfig: 120 * minute,
    qmmove: 360 * minute,
    imgcopy: 60 * minute,
    qmdestroy: 30 * minute,
    vzcreate: 120 * minute,
    vzdestroy: 30 * minute,
    // A node makes one backup at a time, and one waits up to three hours for the others (PVE 9.2).
    vzdump: 720 * minute,
  },
};

/** The type of a task on a guest: `qmstart`, `vzstart`. */
export function taskType({ guestKind }: Pick<GuestRef, 'guestKind'>, action: string): string {
  return `${guestKind === 'vm' ? 'qm' : 'vz'}${action}`;
}

/** Where guests of a kind are made. */
export function guestsPath({ guestKind, node }: Pick<GuestRef, 'guestKind' | 'node'>): string {
  return `/nodes/${node}/${guestKind === 'vm' ? 'qemu' : 'lxc'}`;
}

/** The API path of a guest. */
export function guestPath(at: GuestRef): string {
  return `${guestsPath(at)}/${at.vmid}`;
}

/** Is the VMID free in the whole cluster? Proxmox answers this for every token, even one that sees no guest. */
export async function isFree(api: Api, vmid: number): Promise<boolean> {
  try {
    await api.client.get('/cluster/nextid', z.unknown(), { vmid });
    return true;
  } catch (error) {
    if (error instanceof ProxmoxError && error.errors['vmid'] !== undefined) return false;
    throw error;
  }
}

/** Only the fields that are used: the set of all changes between versions of Proxmox VE. */

/**
 * Texts, numbers and flags come as text or not, by version and by key: Perl keeps no types, so a name of digits is a
 * number and a flag that is off may be `""`. A `null` is an absent value.
 */
const text = z.union([z.string(), z.number(), z.boolean()]).transform((value) => String(value));
const amount = z.union([z.number(), z.string().regex(/^\d+(?:\.\d+)?$/)]).transform(Number);
const flag = z
  .union([z.literal(['', '0', '1', 0, 1]), z.boolean()])
  .transform((value) => (Number(value) === 1 ? 1 : 0));

function maybe<T>(schema: z.ZodType<T>) {
  return schema.nullish().transform((value) => value ?? undefined);
}

function orElse<T>(schema: z.ZodType<T>, value: T) {
  return schema.nullish().transform((given): T => given ?? value);
}

const anyGuest = {
  vmid: amount.pipe(z.number().int().positive()),
  node: text,
  status: orElse(text, 'unknown'),
  name: maybe(text),
  tags: orElse(text, ''),
  lock: maybe(text),
  /** Where HA manages the guest: the state that it holds it in. */
  hastate: maybe(text),
  pool: maybe(text),
  /** In seconds, 10 s old. */
  uptime: maybe(amount),
  template: orElse(flag, 0),
};
const NodeResource = z.object({
  type: z.literal('node'),
  node: text,
  status: orElse(text, 'unknown'),
  maxmem: maybe(amount),
  mem: maybe(amount),
  maxcpu: maybe(amount),
  /** Seconds. */
  uptime: maybe(amount),
});
const StorageResource = z.object({
  type: z.literal('storage'),
  node: text,
  storage: text,
  status: orElse(text, 'unknown'),
  shared: orElse(flag, 0),
  /** The type of the storage: `dir`, `lvmthin`. */
  plugintype: orElse(text, ''),
  /** Bytes; they are missing while the storage is not active. */
  disk: maybe(amount),
  maxdisk: maybe(amount),
  /** In an order that changes from call to call. */
  content: orElse(text, ''),
});
/** `sdn`, `pool` and what future versions list. */
const OtherResource = z.object({ type: z.literal('other') });
const KnownResource = z.discriminatedUnion('type', [
  z.object({ type: z.literal('qemu'), ...anyGuest }),
  z.object({ type: z.literal('lxc'), ...anyGuest }),
  NodeResource,
  StorageResource,
  OtherResource,
]);

/** A storage as one node sees it, in `GET /cluster/resources`. */
export type StorageResource = z.infer<typeof StorageResource>;
/** Any entry of `GET /cluster/resources`. */
export type Resource = z.infer<typeof KnownResource>;
/** A VM or container in `GET /cluster/resources`. */
export type GuestResource = Extract<Resource, { type: 'qemu' | 'lxc' }>;
/**
 * Reads one entry of `GET /cluster/resources`. An entry of a type that is used and does not parse is an error: a guest
 * that were left out would be created again.
 */
export const Resource = z.preprocess((entry) => (isOther(entry) ? { type: 'other' } : entry), KnownResource);
/** `GET /cluster/resources`. */
export const Resources = z.array(Resource);

function isOther(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null || !('type' in entry)) return false;
  return typeof entry.type === 'string' && !['qemu', 'lxc', 'node', 'storage'].includes(entry.type);
}

/** One key of a guest's configuration: what it is, and what it will be. */
export type PendingEntry = z.infer<typeof PendingEntry>;
/** Reads one entry of `GET /nodes/{node}/{type}/{vmid}/pending`. */
export const PendingEntry = z.object({
  key: text,
  value: maybe(text),
  pending: maybe(text),
  delete: z.unknown().optional(),
});
/** `GET /nodes/{node}/{type}/{vmid}/pending`; the digest is an entry of it. */
export const Pending = z.array(PendingEntry);

/** `GET /nodes/{node}/lxc/{vmid}/config`: the lines that are LXC's own, each a key and its value. */
export const ContainerConfig = z.object({ lxc: orElse(z.array(z.array(text)), []) });

/** `9.2.11`, `8.4.1`, `8.4~beta1`. */
export const Version = z.object({ version: z.string().regex(/^\d+\.\d+/) });

/** `GET /nodes/{node}/qemu` and `GET /nodes/{node}/lxc`: right at once, unlike the list of the cluster. */
export const GuestsOfNode = z.array(z.object({ vmid: anyGuest.vmid, status: text }));
/** `GET /nodes/{node}/storage`. */
export const StoragesOfNode = z.array(z.object({ storage: text, active: orElse(flag, 0) }));

/** `GET …/status/current`; the uptime in seconds. */
export const CurrentStatus = z.object({
  status: text,
  uptime: orElse(amount, 0),
  /** The state of QEMU itself: a VM with the status `running` may be `paused`, `io-error`, `prelaunch`, … */
  qmpstatus: maybe(text.pipe(z.string().max(100))),
  /** What HA does with the guest; the state is `null` until HA has noticed the guest. */
  ha: maybe(z.object({ managed: orElse(flag, 0), state: maybe(text.pipe(z.string().max(100))) })),
});

/** `GET …/tasks/{upid}/status`. */
export const TaskStatus = z.object({ status: z.enum(['running', 'stopped']), exitstatus: maybe(text) });
/** `GET …/tasks/{upid}/log`: lines with their numbers. */
export const TaskLog = z.array(z.object({ n: amount, t: orElse(text, '') }));
/** A task in a list of tasks; times in seconds since the epoch, by the node's clock. */
export type ListedTask = z.infer<typeof ListedTask>;
/** Reads one entry of a list of tasks. */
export const ListedTask = z.object({
  upid: text,
  type: text,
  id: orElse(text, ''),
  /** Of a running task with the token: `bot@pve!t`. */
  user: orElse(text, ''),
  tokenid: maybe(text),
  starttime: amount,
  /** Absent while it runs. */
  endtime: maybe(amount),
  /** The text that it ended with; `RUNNING` while it runs. */
  status: maybe(text),
});
/** `GET /cluster/tasks` and `GET /nodes/{node}/tasks`. */
export const TaskList = z.array(ListedTask);

/** What a node says of one of its storages; `avail` in bytes. */
export type StorageStatus = z.infer<typeof StorageStatus>;
/** `GET /nodes/{node}/storage/{storage}/status`. */
export const StorageStatus = z.object({
  type: orElse(text, ''),
  content: text,
  avail: maybe(amount),
  active: orElse(flag, 1),
  enabled: orElse(flag, 1),
});
/** `GET …/storage/{storage}/content`; sizes in bytes, `ctime` in seconds since the epoch. */
export const Volumes = z.array(z.object({ volid: text, size: orElse(amount, 0), ctime: maybe(amount) }));
/** `GET …/content/{volume}`: the size as a guest sees it, in bytes. */
export const VolumeInfo = z.object({ size: amount });

/** `{ "/storage/fast": { "Datastore.Audit": 1 } }`: a key that is there is granted, its value says if it propagates. */
export const Permissions = z.record(z.string(), z.record(z.string(), z.unknown()));

/** Network cards, as the agent of a VM tells them and the host of a container. */
const Interfaces = z.array(
  z.object({
    name: text,
    'ip-addresses': orElse(z.array(z.object({ 'ip-address': text })), []),
  }),
);
/** `GET …/agent/network-get-interfaces` of a VM. */
export const AgentInterfaces = z.object({ result: Interfaces });
/** `null` for a container that does not run. */
export const ContainerInterfaces = Interfaces.nullable();
