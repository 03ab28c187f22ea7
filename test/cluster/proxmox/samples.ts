import fc from 'fast-check';
import type { DesiredGuest, GuestKind } from '../../../src/core/guest.ts';
import type { Cards } from '../../../src/core/networks.ts';
import type { AnySetting, ContainerSettings, VmSettings } from '../../../src/core/settings.ts';
import { settingsOf } from '../../../src/core/settings.ts';
import { sameText } from '../../../src/lib/text.ts';
import type { Seed } from '../../../src/simulator/simulator.ts';
import { aContainer, aGuest } from './a-guest.ts';
import { type SimulatedWorld, seed } from './on-simulator.ts';

/** Values of a setting, and what must stand on the wire for one. */
interface Sample<Value> {
  readonly values: fc.Arbitrary<Value>;
  /** The parameter of Proxmox, and the text that it has or holds as a part; `undefined`: it is not sent, or deleted. */
  wire(value: Value): readonly [key: string, text: string | undefined];
}
type Settings = VmSettings & ContainerSettings;

const sshKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPsgRWqPtNn+I0htkrfcASZLcJW63wQpTnOYveIHLFF2 ada@home';
const mapped = ([name]: readonly string[] = []) => name && `mapping=${name}`;
const flag = fc.boolean();
const number = (min: number, max: number) => fc.integer({ min, max });
/** No mark of ours, which every description of a flake is refused for. */
export const notes = fc.oneof(
  // No flake can hold a NUL character.
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\0', '')),
  fc
    .tuple(fc.stringMatching(/^\s{0,3}$/), fc.string({ maxLength: 20 }), fc.stringMatching(/^\s{0,3}$/))
    .map((parts) => parts.join('')),
  fc.constantFrom('', 'two\nlines\n', ' ü;=&%,x', 'a,b=c', '\n\n  x \n\n', '\u0085', 'x\u0085', '\ufeff', 'a\r\nb\r\n'),
  fc.constantFrom(' ', '\n', '\ud800x'),
);

const samples: { readonly [Key in keyof Settings]-?: Sample<Settings[Key]> } = {
  name: { values: fc.constantFrom('web', 'mail.example', 'a-1'), wire: (name) => ['name', name] },
  cores: { values: number(1, 4), wire: (cores) => ['cores', String(cores)] },
  sockets: { values: number(1, 2), wire: (sockets) => ['sockets', String(sockets)] },
  memoryMb: { values: number(64, 1024), wire: (mib) => ['memory', String(mib)] },
  swapMb: { values: number(0, 1024), wire: (mib) => ['swap', String(mib)] },
  bridge: { values: fc.constantFrom('vmbr0', 'vmbr1'), wire: (bridge) => ['net0', `bridge=${bridge}`] },
  networks: {
    values: fc.constantFrom<Cards>(
      [{ vlan: 7 }],
      [
        { vlan: 8, firewall: true },
        { bridge: 'vmbr1', mac: 'BC:24:11:00:00:07', mtu: 1400 },
      ],
      [
        { vlan: 9, rateMbps: 2.5 },
        { bridge: 'vmbr0', vlan: 12 },
      ],
      [{ vlan: 8, firewall: false }, null],
    ),
    wire: (cards) => ['net0', `tag=${cards?.[0]?.vlan}`],
  },
  cpuType: { values: fc.constantFrom('x86-64-v2-AES', 'qemu64', 'kvm64'), wire: (type) => ['cpu', type] },
  numa: { values: flag, wire: (on) => ['numa', on ? '1' : '0'] },
  // Half of the memory that every value above gives at least.
  balloonMb: { values: number(0, 32), wire: (mib) => ['balloon', String(mib)] },
  vga: { values: fc.constantFrom('serial0', 'virtio', 'std'), wire: (type) => ['vga', type] },
  pci: { values: fc.constantFrom([], ['gpu'], ['gpu', 'nic']), wire: (names) => ['hostpci0', mapped(names)] },
  usb: { values: fc.constantFrom([], ['stick']), wire: (names) => ['usb0', mapped(names)] },
  startup: {
    values: fc.constantFrom<Settings['startup']>({ order: 3 }, { order: 1, upS: 30 }, { order: 2, upS: 20, downS: 60 }),
    wire: (value) => ['startup', `order=${value?.order}`],
  },
  nameservers: {
    values: fc.constantFrom(['10.0.0.1'], ['1.1.1.1', 'fd00::1']),
    wire: (servers) => ['nameserver', servers?.join(' ')],
  },
  searchDomain: { values: fc.constantFrom('home.arpa', 'lan'), wire: (domain) => ['searchdomain', domain] },
  scsiHw: { values: fc.constantFrom('lsi', 'virtio-scsi-pci', 'megasas'), wire: (type) => ['scsihw', type] },
  machine: { values: fc.constantFrom('pc', 'q35'), wire: (type) => ['machine', type] },
  bios: { values: fc.constantFrom('seabios', 'ovmf'), wire: (bios) => ['bios', bios] },
  tpm: { values: flag, wire: (on) => ['tpmstate0', on ? 'fast:1,version=v2.0' : undefined] },
  cloudInit: {
    values: fc.constantFrom<Settings['cloudInit']>(
      undefined,
      { storage: 'fast' },
      { storage: 'slow' },
      { storage: 'slow', user: 'ada', sshKeys: [sshKey] },
      { storage: 'fast', ip: '10.0.0.9/24', gateway: '10.0.0.1', nameservers: ['10.0.0.1'], searchDomain: 'lan' },
      { storage: 'fast', ip: 'dhcp', user: 'grace', sshKeys: [sshKey, sshKey.replace('ada', 'grace')] },
    ),
    wire: (drive) => {
      if (drive?.user !== undefined) return ['ciuser', drive.user];
      if (drive?.ip !== undefined) return ['ipconfig0', `ip=${drive.ip},gw=${drive.gateway}`];
      return ['ide2', drive && `${drive.storage}:cloudinit`];
    },
  },
  ip: {
    values: fc.constantFrom('dhcp', 'manual', '10.0.0.5/24', '192.168.1.7/16'),
    wire: (ip) => ['net0', ip === 'manual' ? 'name=eth0' : `ip=${ip}`],
  },
  gateway: {
    values: fc.constantFrom(undefined, '10.0.0.1', '10.0.0.254'),
    wire: (gateway) => ['net0', gateway === undefined ? 'name=eth0' : `gw=${gateway}`],
  },
  features: {
    values: fc.constantFrom<readonly string[]>([], ['nesting']),
    wire: ([name]) => ['features', name && `${name}=1`],
  },
  unprivileged: { values: fc.constant(true), wire: () => ['unprivileged', '1'] },
  onboot: { values: flag, wire: (on) => ['onboot', on ? '1' : '0'] },
  protected: { values: flag, wire: (on) => ['protection', on ? '1' : undefined] },
  // A form holds no half of a character, and of white space alone Proxmox keeps nothing.
  description: {
    values: notes,
    wire: (text = '') => ['description', sameText(text, '') ? undefined : Buffer.from(text).toString()],
  },
};

export const sampleOf = ({ key }: AnySetting) => samples[key as keyof Settings] as Sample<unknown>;
export const valueIn = (of: object, { key }: AnySetting): unknown => Object.fromEntries(Object.entries(of))[key];

/** A guest with another value of a setting; a gateway goes with an address of its own. */
export function withValue(guest: DesiredGuest, row: AnySetting, value: unknown): DesiredGuest {
  const { [row.key as 'order']: _, ...others } = guest;
  const fixed = row.key === 'gateway' ? { ip: '10.0.0.5/24' } : {};
  return { ...others, ...fixed, ...(value === undefined ? {} : { [row.key]: value }) } as DesiredGuest;
}

/** A cluster whose token may do what single settings ask for beside the rights that doctor names. */
export function trusting(from: Seed = seed()): Seed {
  const more = { '/': ['Sys.Modify'], '/mapping/pci': ['Mapping.Use'], '/mapping/usb': ['Mapping.Use'] };
  return {
    ...from,
    tokens: from.tokens.map((one) =>
      one.tokenid === 'proxnix@pve!bot' ? { ...one, privileges: { ...one.privileges, ...more } } : one,
    ),
  };
}

/** A guest of a kind with any value of each setting. */
export function anyGuest(kind: GuestKind): fc.Arbitrary<DesiredGuest> {
  const rows = settingsOf(kind);
  const values = fc.record(Object.fromEntries(rows.map((row) => [row.key, sampleOf(row).values])));
  const plain: DesiredGuest = kind === 'vm' ? aGuest() : aContainer();
  return values.map((all) => rows.reduce((guest, row) => withValue(guest, row, all[row.key]), plain));
}

/** The resource mappings that the samples name. */
export async function makeMappings(world: SimulatedWorld): Promise<void> {
  for (const [type, id] of [
    ['pci', 'gpu'],
    ['pci', 'nic'],
    ['usb', 'stick'],
  ] as const) {
    const map = type === 'pci' ? 'id=10de:1b80,node=pve1,path=0000:01:00.0' : 'id=1050:0407,node=pve1';
    await world.admin('POST', `/cluster/mapping/${type}`, { id, map });
  }
}
