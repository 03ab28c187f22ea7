import { z } from 'zod';

/** Only the fields that are used: the set of all changes between versions of Proxmox VE. */

/** Numbers and booleans come as text or not, by version and by key: kept as text. */
const scalar = z.union([z.string(), z.number(), z.boolean()]).transform((value) => String(value));
const flag = z.union([z.literal(1), z.literal(0), z.literal('1'), z.literal('0'), z.boolean()]).transform(Number);

const GuestResource = z.object({
  type: z.enum(['qemu', 'lxc']),
  vmid: z.coerce.number().int(),
  node: z.string(),
  status: z.string().default('unknown'),
  name: z.string().optional(),
  tags: z.string().default(''),
  lock: z.string().optional(),
  template: flag.default(0),
});
const NodeResource = z.object({
  type: z.literal('node'),
  node: z.string(),
  status: z.string().default('unknown'),
  maxmem: z.number().optional(),
  mem: z.number().optional(),
});
const StorageResource = z.object({
  type: z.literal('storage'),
  node: z.string(),
  storage: z.string(),
  status: z.string().default('unknown'),
  shared: flag.default(0),
  /** In an order that changes from call to call. */
  content: z.string().default(''),
});
/** `sdn`, `pool` and what future versions list. */
const OtherResource = z.object({ type: z.string() }).transform(() => ({ type: 'other' as const }));

/** A VM or container in `GET /cluster/resources`. */
export type GuestResource = z.infer<typeof GuestResource>;
/** A storage as one node sees it, in `GET /cluster/resources`. */
export type StorageResource = z.infer<typeof StorageResource>;
/** Any entry of `GET /cluster/resources`. */
export type Resource = z.infer<typeof Resource>;
/** Reads one entry of `GET /cluster/resources`. */
export const Resource = z.union([GuestResource, NodeResource, StorageResource, OtherResource]);
/** `GET /cluster/resources`. */
export const Resources = z.array(Resource);

/** One key of a guest's configuration: what it is, and what it will be. */
export type PendingEntry = z.infer<typeof PendingEntry>;
/** Reads one entry of `GET /nodes/{node}/{type}/{vmid}/pending`. */
export const PendingEntry = z.object({
  key: z.string(),
  value: scalar.optional(),
  pending: scalar.optional(),
  delete: z.unknown().optional(),
});
/** `GET /nodes/{node}/{type}/{vmid}/pending`; the digest is an entry of it. */
export const Pending = z.array(PendingEntry);

/** `9.2.11`, `8.4.1`, `8.4~beta1`. */
export const Version = z.object({ version: z.string().regex(/^\d+\.\d+/) });

/** `GET …/status/current`; the uptime in seconds. */
export const CurrentStatus = z.object({ status: z.string(), uptime: z.number().default(0) });

/** `GET …/tasks/{upid}/status`. */
export const TaskStatus = z.object({ status: z.enum(['running', 'stopped']), exitstatus: z.string().optional() });
/** `GET …/tasks/{upid}/log`: lines with their numbers. */
export const TaskLog = z.array(z.object({ n: z.number(), t: z.string() }));
/** A task in a list of tasks; times in seconds since the epoch, by the node's clock. */
export type ListedTask = z.infer<typeof ListedTask>;
/** Reads one entry of a list of tasks. */
export const ListedTask = z.object({
  upid: z.string(),
  type: z.string(),
  id: z.string().default(''),
  starttime: z.number(),
  /** Absent while it runs. */
  endtime: z.number().optional(),
});
/** `GET /cluster/tasks` and `GET /nodes/{node}/tasks`. */
export const TaskList = z.array(ListedTask);

/** What a node says of one of its storages; `avail` in bytes. */
export type StorageStatus = z.infer<typeof StorageStatus>;
/** `GET /nodes/{node}/storage/{storage}/status`. */
export const StorageStatus = z.object({
  content: z.string(),
  avail: z.number().optional(),
  active: flag.default(1),
  enabled: flag.default(1),
});
/** `GET …/storage/{storage}/content`; sizes in bytes, `ctime` in seconds since the epoch. */
export const Volumes = z.array(
  z.object({ volid: z.string(), size: z.number(), format: z.string().optional(), ctime: z.number().default(0) }),
);
/** `GET …/content/{volume}`: the size as a guest sees it, in bytes. */
export const VolumeInfo = z.object({ size: z.number() });

/** `{ "/storage/fast": { "Datastore.Audit": 1 } }`: a key that is there is granted, its value says if it propagates. */
export const Permissions = z.record(z.string(), z.record(z.string(), z.unknown()));

/** Network cards, as the agent of a VM tells them and the host of a container. */
const Interfaces = z.array(
  z.object({
    name: z.string(),
    'ip-addresses': z.array(z.object({ 'ip-address': z.string() })).default([]),
  }),
);
/** `GET …/agent/network-get-interfaces` of a VM. */
export const AgentInterfaces = z.object({ result: Interfaces });
/** `null` for a container that does not run. */
export const ContainerInterfaces = Interfaces.nullable();
