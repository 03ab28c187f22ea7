import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { diffGuest } from '../../../src/core/diff.ts';
import { hasConfig } from '../../../src/core/goal.ts';
import type { DesiredGuest, GuestKind } from '../../../src/core/guest.ts';
import type { Cards } from '../../../src/core/networks.ts';
import {
  type AnySetting,
  type ContainerSettings,
  isManaged,
  sameValue,
  settingsOf,
  type VmSettings,
  waitsForRestart,
  wantedPart,
} from '../../../src/core/settings.ts';
import { sameText } from '../../../src/lib/text.ts';
import type { Seed } from '../../../src/simulator/simulator.ts';
import { Story } from '../../contracts/cluster.ts';
import { aContainer, aGuest } from './a-guest.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { openSimulated, seed, seed8 } from './on-simulator.ts';

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
const notes = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
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

const sampleOf = ({ key }: AnySetting) => samples[key as keyof Settings] as Sample<unknown>;
const valueIn = (of: object, { key }: AnySetting): unknown => Object.fromEntries(Object.entries(of))[key];
const a = (kind: GuestKind): DesiredGuest => (kind === 'vm' ? aGuest() : aContainer());
const pending = 'proxnix;proxnix-pending';
const done = `commit-${'1'.repeat(40)};nix-${'a'.repeat(32)};proxnix`;

/** A guest with another value of a setting; a gateway goes with an address of its own. */
function withValue(guest: DesiredGuest, row: AnySetting, value: unknown): DesiredGuest {
  const { [row.key as 'order']: _, ...others } = guest;
  const fixed = row.key === 'gateway' ? { ip: '10.0.0.5/24' } : {};
  return { ...others, ...fixed, ...(value === undefined ? {} : { [row.key]: value }) } as DesiredGuest;
}

/** A cluster whose token may do what single settings ask for beside the rights that doctor names. */
function trusting(from: Seed): Seed {
  const more = { '/': ['Sys.Modify'], '/mapping/pci': ['Mapping.Use'], '/mapping/usb': ['Mapping.Use'] };
  return {
    ...from,
    tokens: from.tokens.map((one) =>
      one.tokenid === 'proxnix@pve!bot' ? { ...one, privileges: { ...one.privileges, ...more } } : one,
    ),
  };
}

async function start(kind: GuestKind, from = seed()) {
  const proxies: LossyProxy[] = [];
  const world = await openSimulated(trusting(from), async (url) => {
    const made = new LossyProxy(url);
    proxies.push(made);
    return made.listen();
  });
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no proxy was made');
  for (const [type, id] of [
    ['pci', 'gpu'],
    ['pci', 'nic'],
    ['usb', 'stick'],
  ] as const) {
    const map = type === 'pci' ? 'id=10de:1b80,node=pve1,path=0000:01:00.0' : 'id=1050:0407,node=pve1';
    await world.admin('POST', `/cluster/mapping/${type}`, { id, map });
  }
  onTestFinished(async () => {
    await world.close();
    proxy.close();
  });
  return { world, proxy, story: new Story(world, kind) };
}

/** What was sent for a parameter in the end; `undefined` when it was not, or was deleted. */
function sentOf(forms: readonly URLSearchParams[], key: string): string | undefined {
  const last = forms.findLast((form) => form.has(key) || form.get('delete')?.split(',').includes(key));
  return last?.get(key) ?? undefined;
}

function expectOnWire(forms: readonly URLSearchParams[], row: AnySetting, value: unknown, kind: GuestKind): void {
  const [key, text] = sampleOf(row).wire(value);
  const sent = sentOf(forms, row.key === 'name' && kind === 'container' ? 'hostname' : key);
  if (text === undefined || !['net0', 'startup'].includes(key)) expect(sent).toBe(text);
  else expect(sent?.split(',')).toContain(text);
}

async function heldBy(story: Story): Promise<object> {
  const live = await story.read();
  if (!hasConfig(live)) throw new Error('the guest was not read');
  return { ...live.config, name: live.name };
}

async function expectAsWanted(story: Story, guest: DesiredGuest): Promise<void> {
  const live = await story.read();
  if (!hasConfig(live)) throw new Error('the guest was not read');
  const held = { ...live.config, name: live.name };
  for (const row of settingsOf(guest.kind)) {
    const wanted = valueIn(guest, row);
    // Of white space at the end of a description Proxmox keeps none or one line feed.
    if (row.key === 'description') expect(sameText(held.description ?? '', guest.description ?? '')).toBe(true);
    else if (wanted !== undefined || row.kinds[guest.kind]?.absent !== 'unmanaged') {
      expect([row.key, wantedPart(row, valueIn(held, row), wanted)]).toEqual([row.key, wanted]);
    }
  }
  expect([...diffGuest(guest, live)]).toEqual([]);
}

it.each(['vm', 'container'] as const)('whatever a description of a %s holds, planning again is empty', async (kind) => {
  const { story } = await start(kind);
  await story.make(a(kind));
  await fc.assert(
    fc.asyncProperty(notes, async (description) => {
      const guest = { ...a(kind), description };
      await story.look();
      await story.run('configure', { guest, tags: pending });
      await expectAsWanted(story, guest);
    }),
    { numRuns: 60 },
  );
});

describe.each(['vm', 'container'] as const)('every setting of a %s', (kind) => {
  const rows = settingsOf(kind);

  it.each([
    ['9.2', seed],
    ['8.4', seed8],
  ])(
    'that a new guest is made with on PVE %s reaches the wire, is read back, and leaves nothing to plan',
    async (_, from) => {
      const { proxy, story, world } = await start(kind, from());
      const values = fc.record(Object.fromEntries(rows.map((row) => [row.key, sampleOf(row).values])));
      const guests = values.map((all) => rows.reduce((guest, row) => withValue(guest, row, all[row.key]), a(kind)));
      await fc.assert(
        fc.asyncProperty(guests, async (guest) => {
          proxy.forms.length = 0;
          await story.make(guest);
          await expectAsWanted(story, guest);
          for (const row of rows) expectOnWire(proxy.forms, row, valueIn(guest, row), kind);
          await world.edit(823, { protected: false });
          await world.remove(823);
        }),
        { numRuns: 5 },
      );
    },
  );

  it.each(['running', 'stopped'] as const)(
    'that changes on a %s guest reaches the wire, is read back, and leaves nothing to plan',
    async (status) => {
      const { proxy, story, world } = await start(kind);
      await story.make(a(kind));
      if (status === 'stopped') await story.run('stop');
      let guest = a(kind);
      for (const row of rows.filter(({ key }) => key !== 'unprivileged')) {
        await fc.assert(
          fc.asyncProperty(sampleOf(row).values, async (value) => {
            const next = withValue(guest, row, value);
            proxy.forms.length = 0;
            await story.look();
            const before = valueIn(await heldBy(story), row);
            await story.run('configure', { guest: next, tags: pending });
            // A setting that is not managed stays as it was before.
            const changed = isManaged(row, next, value) && !sameValue(row, before, value);
            const waits =
              changed && row.key !== 'protected' && waitsForRestart(row, kind, before, value) && status === 'running';
            expect((await story.read()).config?.pending).toEqual(waits ? [row.key] : []);
            await story.run('restart');
            await story.run('finish', { guest: next, tags: done });
            await expectAsWanted(story, next);
            if (changed) expectOnWire(proxy.forms, row, value, kind);
            guest = next;
            if (row.key !== 'protected') return;
            await world.edit(823, { protected: false });
            guest = { ...next, protected: false };
          }),
          { numRuns: 3, endOnFailure: true },
        );
      }
    },
  );
});
