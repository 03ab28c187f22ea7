/**
 * 25 guests as people describe them to tools of this field, written in the contract: what they name, and how often, is
 * counted from public configurations. Every guest of one fleet, on one cluster.
 */
export type Entry = Readonly<Record<string, unknown>>;

const key = (name: string) =>
  `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPsgRWqPtNn+I0htkrfcASZLcJW63wQpTnOYveIHLFF2 ${name}@home`;
const node = 'pve1';

/** What every VM must say, small, and its node. */
function vm(vmid: number, name: string, more: Entry): Entry {
  return {
    ...{ name, vm_id: vmid, image_type: name, node, cores: 2, sockets: 1, memory_mb: 1024 },
    ...{ disk_gb: 2, storage_location: 'fast', cloud_init: 'None', protected: false },
    ...more,
  };
}

function container(vmid: number, name: string, more: Entry): Entry {
  return { name, vm_id: vmid, image_type: name, node, disk_gb: 2, storage_location: 'fast', ...more };
}

/** A cloud-init drive with a fixed address. */
function fixed(last: number, more: Entry = {}): Entry {
  return { StorageReference: 'fast', ip: `10.0.0.${last}/24`, gateway: '10.0.0.1', ...more };
}

const admin = { user: 'ada', ssh_keys: [key('ada')] };
const admins = { user: 'ops', ssh_keys: [key('ada'), key('grace')] };
const uefi = { bios: 'ovmf', machine: 'q35' };
const dns = { nameservers: ['10.0.0.1', '1.1.1.1'], search_domain: 'home.arpa' };
const fastDisk = { ssd: true, discard: true, iothread: true };

export const vms: Readonly<Record<string, Entry>> = {
  web: vm(101, 'web', {
    description: 'The website.\nAsk Ada.',
    cpu_type: 'host',
    cloud_init: fixed(101, admin),
    tags: ['web', 'prod'],
    onboot: true,
  }),
  database: vm(102, 'database', {
    description: 'PostgreSQL; its data is on scsi1.',
    ...{ cpu_type: 'x86-64-v2-AES', balloon_mb: 0, onboot: true, tags: ['db', 'prod'] },
    disks: { pgdata: { slot: 'scsi1', size_gb: 4, storage: 'local-lvm', ...fastDisk } },
    scsi_hw: 'virtio-scsi-single',
    cloud_init: fixed(102, { ...admin, ...dns }),
    startup: { order: 1, up_s: 30 },
  }),
  router: vm(103, 'router', {
    description: 'A router on two networks.',
    cpu_type: 'host',
    networks: [
      { bridge: 'vmbr0', mac: 'BC:24:11:00:01:03' },
      { bridge: 'vmbr0', vlan: 20, firewall: false },
    ],
    ...{ startup: { order: 1, up_s: 60, down_s: 60 }, onboot: true, tags: ['net'] },
  }),
  'k3s-1': vm(104, 'k3s-1', {
    ...uefi,
    ...{ cpu_type: 'host', numa: true, cloud_init: fixed(104, admins), tags: ['k3s'], pool: 'proxnix' },
    disks: { longhorn: { slot: 'scsi1', size_gb: 3, storage: 'local-lvm', discard: true, ssd: true } },
  }),
  'k3s-2': vm(105, 'k3s-2', {
    ...uefi,
    ...{ cpu_type: 'host', numa: true, cloud_init: fixed(105, admins), tags: ['k3s'], pool: 'proxnix' },
    disks: { longhorn: { slot: 'scsi1', size_gb: 3, storage: 'local-lvm', discard: true, ssd: true } },
  }),
  'k3s-3': vm(106, 'k3s-3', {
    ...uefi,
    ...{ cpu_type: 'host', numa: true, cloud_init: fixed(106, admins), tags: ['k3s'], pool: 'proxnix' },
    disks: { longhorn: { slot: 'scsi1', size_gb: 3, storage: 'local-lvm', discard: true, ssd: true } },
  }),
  media: vm(107, 'media', {
    description: 'Transcodes with the GPU of the node.',
    ...uefi,
    ...{ cpu_type: 'host', balloon_mb: 0, pci: ['gpu'], vga: 'none', onboot: true },
    disks: { library: { slot: 'virtio1', size_gb: 4, storage: 'slow', backup: false } },
    cloud_init: fixed(107, admin),
  }),
  home: vm(108, 'home', {
    description: 'Home automation, with its radio stick.',
    ...{ bios: 'ovmf', usb: ['stick'], onboot: true, tags: ['iot'] },
    networks: [{ bridge: 'vmbr0', vlan: 30 }],
    cloud_init: fixed(108, { ...admin, nameservers: ['10.0.0.1'] }),
  }),
  storage: vm(109, 'storage', {
    description: 'Shares of the house.',
    ...{ pci: ['nic'], machine: 'q35', cpu_type: 'host', onboot: true, protected: true },
    disks: {
      tank1: { slot: 'scsi1', size_gb: 3, storage: 'slow', backup: false },
      tank2: { slot: 'scsi2', size_gb: 3, storage: 'slow', backup: false, cache: 'none' },
    },
    startup: { order: 2, up_s: 45 },
  }),
  secrets: vm(110, 'secrets', {
    description: 'Keys; unlocked by its TPM.',
    ...{ ...uefi, tpm: true, cpu_type: 'x86-64-v3', protected: true, tags: ['prod'] },
    networks: [{ bridge: 'vmbr0', vlan: 40, firewall: true }],
    cloud_init: fixed(110, admin),
    ignore: ['description'],
  }),
  desktop: vm(111, 'desktop', {
    ...{ ...uefi, tpm: true, cpu_type: 'host', vga: 'virtio', onboot: false, power: 'stopped' },
    cloud_init: { StorageReference: 'fast', ip: 'dhcp', user: 'ada', ssh_keys: [key('ada')] },
  }),
  builder: vm(112, 'builder', {
    description: 'Builds images; grown by hand before a release.',
    ...{ cpu_type: 'host', cores: 4, memory_mb: 2048, balloon_mb: 1024, ignore: ['memory_mb', 'cores'] },
    disks: { store: { slot: 'scsi1', size_gb: 6, storage: 'local-lvm', cache: 'unsafe', ...fastDisk } },
    cloud_init: fixed(112),
    power: 'unmanaged',
  }),
  ci: vm(113, 'ci', {
    ...{ cpu_type: 'x86-64-v2-AES', balloon_mb: 512, onboot: true, tags: ['ci'] },
    cloud_init: fixed(113, { ...admins, ...dns }),
    ignore: ['balloon_mb'],
    power: 'unmanaged',
  }),
  mail: vm(114, 'mail.home.arpa', {
    image_type: 'mail',
    description: 'Mail of the house.',
    ...{ bios: 'ovmf', onboot: true, tags: ['prod'], cores: 1 },
    disks: { spool: { slot: 'scsi1', size_gb: 3, storage: 'local-lvm', backup: true, discard: true } },
    cloud_init: fixed(114, { ...admin, ...dns }),
  }),
  monitoring: vm(115, 'monitoring', {
    description: 'Metrics and logs.',
    ...{ cpu_type: 'kvm64', balloon_mb: 256, ignore: ['description'], onboot: true },
    networks: [
      { bridge: 'vmbr0', vlan: 10 },
      { bridge: 'vmbr0', mtu: 1400 },
    ],
    disk: { ssd: true, iothread: true, cache: 'writeback' },
    scsi_hw: 'virtio-scsi-single',
    cloud_init: fixed(115),
  }),
  vpn: vm(116, 'vpn', {
    ...{ cores: 1, memory_mb: 512, onboot: true, tags: ['net'], machine: 'q35' },
    networks: [{ bridge: 'vmbr0', vlan: 50, rate_mbps: 12.5 }],
    cloud_init: fixed(116),
    startup: { order: 3 },
  }),
  games: vm(117, 'games', {
    description: 'Started for an evening.',
    ...{ onboot: false, power: 'unmanaged', cores: 4, disk_slot: 'virtio0', ignore: ['memory_mb'] },
    networks: [{ bridge: 'vmbr0', model: 'e1000', vlan: 60 }],
  }),
  staging: vm(118, 'staging', {
    ...{ bios: 'ovmf', cpu_type: 'host', power: 'stopped', onboot: false, tags: ['staging'] },
    cloud_init: fixed(118, admin),
    ignore: ['networks', 'network_bridge'],
  }),
  legacy: vm(119, 'legacy', {
    ...{ description: 'Kept as somebody made it.', scsi_hw: 'lsi', disk_slot: 'sata0', machine: 'pc', vga: 'std' },
    ...{ network_bridge: 'vmbr1', ignore: ['cpu_type', 'vga'], node: undefined },
  }),
  backup: vm(120, 'backup', {
    description: 'Receives the copies of the others.',
    ...{ bios: 'ovmf', pool: 'proxnix', balloon_mb: 512 },
    disks: { copies: { slot: 'scsi1', size_gb: 5, storage: 'slow', backup: false } },
    cloud_init: fixed(120, { nameservers: ['10.0.0.1'] }),
    health: { tcp: [22], timeout_s: 60 },
  }),
  git: vm(121, 'git', {
    ...{ bios: 'ovmf', disk_gb: 3, order: 1 },
    disks: { repositories: { slot: 'scsi1', size_gb: 3, storage: 'local-lvm', ssd: true } },
    cloud_init: { StorageReference: 'fast', ip: 'dhcp' },
  }),
};

export const containers: Readonly<Record<string, Entry>> = {
  dns: container(130, 'dns', {
    description: 'Answers for home.arpa.',
    ...{ cores: 1, memory_mb: 256, swap_mb: 0, tags: ['net'], ip: '10.0.0.130/24', gateway: '10.0.0.1' },
    ...{ nameservers: ['1.1.1.1'], search_domain: 'home.arpa', startup: { order: 1 } },
  }),
  cache: container(131, 'cache', {
    description: 'A binary cache.',
    ...{ cores: 2, memory_mb: 512, ip: '10.0.0.131/24', gateway: '10.0.0.1', onboot: true },
    mounts: { data: { path: '/data', size_gb: 3, storage: 'local-lvm', backup: true } },
  }),
  proxy: container(132, 'proxy', {
    networks: [
      { bridge: 'vmbr0', ip: '10.0.0.132/24', gateway: '10.0.0.1' },
      { bridge: 'vmbr0', vlan: 20, name: 'dmz', ip: 'manual', firewall: true },
    ],
    features: { nesting: true },
  }),
  lab: container(133, 'lab', { ip: 'manual', features: {}, power: 'stopped', onboot: false, node: undefined }),
};

const isIn = (entry: Entry, ...path: readonly string[]) =>
  path.reduce<unknown>((value, part) => (value as Entry | undefined)?.[part], entry) !== undefined;
const lists = (value: unknown): readonly Entry[] => Object.values(value ?? {}) as readonly Entry[];

/** What the configurations were counted for, and how a guest of the contract says it. */
export const counted: readonly (readonly [what: string, atLeast: number, says: (entry: Entry) => boolean])[] = [
  ['node', 23, (entry) => isIn(entry, 'node')],
  ['description', 15, (entry) => isIn(entry, 'description')],
  ['address', 15, (entry) => isIn(entry, 'cloud_init', 'ip') || isIn(entry, 'ip') || hasCard(entry, 'ip')],
  ['onboot', 13, (entry) => isIn(entry, 'onboot')],
  ['CPU type', 14, (entry) => isIn(entry, 'cpu_type')],
  ['user and keys', 12, (entry) => isIn(entry, 'cloud_init', 'user') && isIn(entry, 'cloud_init', 'ssh_keys')],
  ['own tags', 12, (entry) => isIn(entry, 'tags')],
  [
    'disk options',
    12,
    (entry) => lists(disksOf(entry)).some((disk) => Object.keys(disk).length > 3) || isIn(entry, 'disk'),
  ],
  ['UEFI', 11, (entry) => entry['bios'] === 'ovmf'],
  ['q35', 8, (entry) => entry['machine'] === 'q35'],
  ['several disks', 8, (entry) => lists(disksOf(entry)).length > 0],
  ['VLAN', 7, (entry) => hasCard(entry, 'vlan')],
  ['leave this alone', 7, (entry) => isIn(entry, 'ignore')],
  ['balloon', 6, (entry) => isIn(entry, 'balloon_mb')],
  ['power', 6, (entry) => isIn(entry, 'power')],
  ['DNS', 5, (entry) => isIn(entry, 'nameservers') || isIn(entry, 'cloud_init', 'nameservers')],
  ['pool', 4, (entry) => isIn(entry, 'pool')],
  ['startup order', 4, (entry) => isIn(entry, 'startup', 'order')],
  ['several cards', 3, (entry) => lists(entry['networks']).length > 1],
  ['passthrough', 3, (entry) => isIn(entry, 'pci') || isIn(entry, 'usb')],
  ['TPM', 2, (entry) => entry['tpm'] === true],
];

function hasCard(entry: Entry, field: string): boolean {
  return lists(entry['networks']).some((card) => isIn(card, field));
}

function disksOf(entry: Entry): unknown {
  return entry['disks'] ?? entry['mounts'];
}
