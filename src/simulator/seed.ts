import { z } from 'zod';

/** A value of a configuration: numbers where the API answers numbers. */
export const ConfigValue = z.union([z.string(), z.number()]);

/** A volume that exists from the beginning: a disk, an image to import, a template. */
export const SeedVolume = z.object({
  volid: z.string(),
  content: z.string(),
  format: z.string(),
  /** Where it lies; absent: the first node that has its storage. A shared storage has one copy for all. */
  node: z.string().optional(),
  /** Bytes of the file. */
  size: z.number(),
  /** Bytes a guest sees; absent for templates. */
  virtualSize: z.number().optional(),
  /** Text of the image tool when the file is damaged. */
  broken: z.string().optional(),
  backingFile: z.boolean().optional(),
  /** A guest started from it runs an operating system that answers ACPI. */
  boots: z.boolean().optional(),
  agent: z.boolean().optional(),
  hotUnplug: z.boolean().optional(),
  ostype: z.string().optional(),
});
/** A volume of a seed that was checked. */
export type SeedVolume = z.infer<typeof SeedVolume>;

/** An API token with its privileges. */
export const SeedToken = z.object({
  tokenid: z.string().regex(/^[^\s:/]+@[A-Za-z][\w.-]+![A-Za-z][\w.-]+$/, 'must look like user@realm!name'),
  secret: z.string().min(1),
  /** Seconds since 1970. */
  expire: z.number().optional(),
  /** Effective privileges per path, inherited downwards; `*` is all. */
  privileges: z.record(z.string(), z.array(z.string())),
});
/** A token of a seed that was checked. */
export type SeedToken = z.infer<typeof SeedToken>;

/** A storage of the cluster; sizes in bytes. */
export const SeedStorage = z.object({
  storage: z.string(),
  type: z.string(),
  path: z.string(),
  content: z.array(z.string()),
  total: z.number(),
  avail: z.number(),
  enabled: z.boolean().default(true),
  /** True: its nodes share one storage. False: each node has a storage of that name. */
  shared: z.boolean().default(false),
  /** Absent: every node has it. */
  nodes: z.array(z.string()).optional(),
});
/** A storage of a seed that was checked. */
export type SeedStorage = z.infer<typeof SeedStorage>;

/** A node of the cluster; memory in bytes. */
export const SeedNode = z.object({
  node: z.string(),
  ip: z.string(),
  maxcpu: z.number(),
  maxmem: z.number(),
  /** Calls for it answer 595 with this reason. */
  unreachable: z.string().optional(),
});
/** A node of a seed that was checked. */
export type SeedNode = z.infer<typeof SeedNode>;

/** A guest that exists from the beginning, by its configuration file's keys. */
export const SeedGuest = z.object({
  type: z.enum(['qemu', 'lxc']),
  vmid: z.number(),
  node: z.string(),
  config: z.record(z.string(), ConfigValue),
  pool: z.string().optional(),
  running: z.boolean().optional(),
});

/** The state a simulator starts with. */
export const Seed = z.object({
  version: z.string().regex(/^\d+\.\d+/),
  repoid: z.string().default('0000000000000000'),
  clusterName: z.string().nullable().default(null),
  nodes: z.array(SeedNode).min(1),
  storages: z.array(SeedStorage),
  volumes: z.array(SeedVolume).default([]),
  bridges: z
    .array(
      z.object({
        iface: z.string(),
        node: z.string(),
        cidr: z.string().optional(),
        /** False: a network card with a vlan tag cannot start. */
        uplink: z.boolean().optional(),
      }),
    )
    .default([]),
  pools: z.array(z.string()).default([]),
  tokens: z.array(SeedToken).min(1),
  guests: z.array(SeedGuest).default([]),
  options: z.record(z.string(), z.unknown()).default({}),
  rates: z
    .object({ importBytesPerSecond: z.number().positive(), statisticsSeconds: z.number().min(0) })
    .default({ importBytesPerSecond: 400_000_000, statisticsSeconds: 10 }),
});
/** A seed that was checked, with its defaults. */
export type Seed = z.infer<typeof Seed>;

/** Checks a seed read from a file. Throws one sentence that names every wrong field. */
export function parseSeed(json: unknown): Seed {
  const result = Seed.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new Error(`not a simulator seed: ${problems.join('; ')}`);
}

const GIB = 1024 ** 3;

/** What a token needs for the whole life of guests, found by granting exactly what each 403 asked for (9.2.11). */
const GUEST_PRIVILEGES = [
  'VM.Allocate',
  'VM.Audit',
  'VM.Config.CPU',
  'VM.Config.Disk',
  'VM.Config.HWType',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.Config.Cloudinit',
  'VM.Config.CDROM',
  'VM.PowerMgmt',
  'VM.GuestAgent.Audit',
];
const DISK_PRIVILEGES = ['Datastore.AllocateSpace', 'Datastore.Audit'];
const IMAGE_PRIVILEGES = ['Datastore.AllocateTemplate', 'Datastore.Audit', 'Datastore.Allocate'];

/** A small cluster to try things on: one node, room for images, one storage that is full, one token with just enough rights. */
export function demoSeed(): Seed {
  return parseSeed({
    version: '9.2.11',
    repoid: '14a22df35955d97d',
    nodes: [{ node: 'pve1', ip: '10.77.0.1', maxcpu: 8, maxmem: 32 * GIB }],
    storages: [
      storage('local', 'dir', '/var/lib/vz', ['import', 'iso', 'vztmpl', 'snippets'], 200),
      storage('local-lvm', 'lvmthin', '/dev/pve', ['images', 'rootdir'], 500),
      storage('fast', 'dir', '/mnt/fast', ['images', 'rootdir'], 100),
      { ...storage('full', 'dir', '/mnt/full', ['images', 'rootdir'], 1), avail: 0 },
    ],
    bridges: [{ iface: 'vmbr0', node: 'pve1', cidr: '10.77.0.1/24', uplink: true }],
    pools: ['proxnix'],
    tokens: [
      {
        tokenid: 'proxnix@pve!bot',
        secret: '5157a7ed-0000-4000-8000-de0000000001',
        privileges: {
          '/vms': GUEST_PRIVILEGES,
          '/pool/proxnix': GUEST_PRIVILEGES,
          '/storage/local': IMAGE_PRIVILEGES,
          '/storage/local-lvm': DISK_PRIVILEGES,
          '/storage/fast': DISK_PRIVILEGES,
          '/storage/full': DISK_PRIVILEGES,
          '/sdn/zones/localnetwork/vmbr0': ['SDN.Use'],
          '/nodes': ['Sys.Audit'],
        },
      },
      { tokenid: 'admin@pve!all', secret: '5157a7ed-0000-4000-8000-de0000000002', privileges: { '/': ['*'] } },
    ],
    rates: { importBytesPerSecond: 100_000_000, statisticsSeconds: 10 },
  });
}

function storage(name: string, type: string, path: string, content: readonly string[], gib: number) {
  return { storage: name, type, path, content, total: gib * GIB, avail: gib * GIB };
}
