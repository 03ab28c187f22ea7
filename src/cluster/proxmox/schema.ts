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

export type GuestResource = z.infer<typeof GuestResource>;
export type StorageResource = z.infer<typeof StorageResource>;
export type Resource = z.infer<typeof Resource>;
export const Resource = z.union([GuestResource, NodeResource, StorageResource, OtherResource]);
export const Resources = z.array(Resource);

export type PendingEntry = z.infer<typeof PendingEntry>;
export const PendingEntry = z.object({
  key: z.string(),
  value: scalar.optional(),
  pending: scalar.optional(),
  delete: z.unknown().optional(),
});
export const Pending = z.array(PendingEntry);

/** `9.2.11`, `8.4.1`, `8.4~beta1`. */
export const Version = z.object({ version: z.string().regex(/^\d+\.\d+/) });

export const CurrentStatus = z.object({ status: z.string(), uptime: z.number().default(0) });

export const TaskStatus = z.object({ status: z.enum(['running', 'stopped']), exitstatus: z.string().optional() });
export const TaskLog = z.array(z.object({ n: z.number(), t: z.string() }));
export type ListedTask = z.infer<typeof ListedTask>;
export const ListedTask = z.object({
  upid: z.string(),
  type: z.string(),
  id: z.string().default(''),
  starttime: z.number(),
  /** Absent while it runs. */
  endtime: z.number().optional(),
});
export const TaskList = z.array(ListedTask);

export type StorageStatus = z.infer<typeof StorageStatus>;
export const StorageStatus = z.object({
  content: z.string(),
  avail: z.number().optional(),
  active: flag.default(1),
  enabled: flag.default(1),
});
export const Volumes = z.array(
  z.object({ volid: z.string(), size: z.number(), format: z.string().optional(), ctime: z.number().default(0) }),
);
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
export const AgentInterfaces = z.object({ result: Interfaces });
/** `null` for a container that does not run. */
export const ContainerInterfaces = Interfaces.nullable();
