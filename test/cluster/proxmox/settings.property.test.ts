import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { diffGuest } from '../../../src/core/diff.ts';
import { hasConfig } from '../../../src/core/goal.ts';
import type { DesiredGuest, GuestKind } from '../../../src/core/guest.ts';
import {
  type AnySetting,
  type ContainerSettings,
  sameValue,
  settingsOf,
  type VmSettings,
  waitsForRestart,
} from '../../../src/core/settings.ts';
import { sameText } from '../../../src/lib/text.ts';
import { Story } from '../../contracts/cluster.ts';
import { aContainer, aGuest } from './a-guest.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { openSimulated, seed } from './on-simulator.ts';

/** Values of a setting, and what must stand on the wire for one. */
interface Sample<Value> {
  readonly values: fc.Arbitrary<Value>;
  /** The parameter of Proxmox, and the text that it has or holds as a part; `undefined`: it is not sent, or deleted. */
  wire(value: Value): readonly [key: string, text: string | undefined];
}
type Settings = VmSettings & ContainerSettings;

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
  vlan: { values: number(1, 4094), wire: (tag) => ['net0', `tag=${tag}`] },
  scsiHw: { values: fc.constantFrom('lsi', 'virtio-scsi-pci', 'megasas'), wire: (type) => ['scsihw', type] },
  cloudInit: {
    values: fc.constantFrom(undefined, { storage: 'fast' }, { storage: 'slow' }),
    wire: (drive) => ['ide2', drive && `${drive.storage}:cloudinit`],
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
    wire: (text) => ['description', sameText(text, '') ? undefined : Buffer.from(text).toString()],
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

async function start(kind: GuestKind) {
  const proxies: LossyProxy[] = [];
  const world = await openSimulated(seed(), async (url) => {
    const made = new LossyProxy(url);
    proxies.push(made);
    return made.listen();
  });
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no proxy was made');
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
  if (text === undefined || key !== 'net0') expect(sent).toBe(text);
  else expect(sent?.split(',')).toContain(text);
}

async function expectAsWanted(story: Story, guest: DesiredGuest): Promise<void> {
  const live = await story.read();
  if (!hasConfig(live)) throw new Error('the guest was not read');
  const held = { ...live.config, name: live.name };
  for (const row of settingsOf(guest.kind)) {
    const wanted = valueIn(guest, row);
    // Of white space at the end of a description Proxmox keeps none or one line feed.
    if (row.key === 'description') expect(sameText(held.description, guest.description)).toBe(true);
    else if (wanted !== undefined || row.kinds[guest.kind]?.absent !== 'unmanaged') {
      expect([row.key, valueIn(held, row)]).toEqual([row.key, wanted]);
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

  it('that a new guest is made with reaches the wire, is read back, and leaves nothing to plan', async () => {
    const { proxy, story, world } = await start(kind);
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
  });

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
            await story.run('configure', { guest: next, tags: pending });
            const changed = row.key !== 'protected' && !sameValue(row, valueIn(guest, row), value);
            const waits = changed && waitsForRestart(row, kind) && status === 'running';
            expect((await story.read()).config?.pending).toEqual(waits ? [row.key] : []);
            await story.run('restart');
            await story.run('finish', { guest: next, tags: done });
            await expectAsWanted(story, next);
            if (!sameValue(row, valueIn(guest, row), value)) expectOnWire(proxy.forms, row, value, kind);
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
