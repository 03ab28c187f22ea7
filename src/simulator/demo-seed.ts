import { parseSeed, type Seed } from './seed.ts';

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
