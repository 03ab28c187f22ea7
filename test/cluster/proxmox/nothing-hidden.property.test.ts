import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import type { Precondition } from '../../../src/cluster/cluster.ts';
import { defined } from '../../../src/core/forms.ts';
import { type Goal, hasConfig } from '../../../src/core/goal.ts';
import { type DesiredGuest, type GuestKind, imageHash } from '../../../src/core/guest.ts';
import type { RetainedDisk } from '../../../src/core/live.ts';
import { createPlan, type Plan } from '../../../src/core/plan.ts';
import { planSteps } from '../../../src/core/steps.ts';
import { planText } from '../../../src/views/plan-text.ts';
import { aCommit, anImage } from '../../support/builders.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { openSimulated, type SimulatedWorld } from './on-simulator.ts';
import { anyGuest, makeMappings, trusting } from './samples.ts';

/** What is sent and stands in no plan, with the reason. */
const fixed: Readonly<Record<string, string>> = {
  digest: 'guards the write; it is read from the cluster',
  vmid: 'the guest itself, or a staging guest of the same run',
  vms: 'the guest itself',
  agent: 'the same in every new VM',
  serial0: 'the same in every new VM',
  ostype: 'the same in every new guest',
  cmode: 'the same in every new container',
  force: 'how a call works, not what it writes',
  forceStop: 'how a call works, not what it writes',
  skiplock: 'how a call works, not what it writes',
  timeout: 'how a call works, not what it writes',
  'allow-move': 'how a call works, not what it writes',
  'target-vmid': 'the guest that a staging guest gives its disk to',
  'target-disk': 'the place of the new root until it is swapped in',
  'target-volume': 'the place of the new root until it is swapped in',
  volume: 'the slot that a volume is taken from',
  delete: 'removes the source of a disk that was moved, or what the flake takes away',
  disk: 'the slot of a disk that the guest has',
  mode: 'how a backup is made',
  compress: 'how a backup is made',
  protected: 'of a backup: no job prunes it',
  'target-digest': 'guards the write; it is read from the cluster',
  remove: 'a backup leaves the older ones alone',
};

/** What is written and goes again in the same run, or is there without a change. */
const temporary: readonly (readonly [RegExp, RegExp])[] = [
  // Until a new guest has its tags.
  [/^description$/, /^proxnix makes guest \d+$/],
  // The root of a staging container, which it has twice while it gives one away.
  [/^mp\d+$/, /,mp=\/proxnix$/],
  // A volume that is out of its slot.
  [/^unused\d+$/, /./],
];

/** What a new guest has in a property string beside what the flake says. */
const usual = new Set(['virtio', 'name=eth0', 'name=eth1', 'discard=on', 'proxnix-pending']);

type Phrases = readonly (string | readonly string[])[];
const flag = (word: string) => (value: string) => [`${word} ${value === '1' ? 'yes' : 'no'}`];
const plain =
  (word: string, unit = '') =>
  (value: string) => [`${word} ${value}${unit}`];
const card = (value: string): Phrases =>
  value.split(',').map((part) => {
    const [key = '', text = ''] = part.split('=');
    const named: Readonly<Record<string, string>> = { tag: 'vlan', hwaddr: 'mac', gw: 'gateway' };
    if (key === 'firewall') return `firewall=${text === '1' ? 'yes' : 'no'}`;
    if (/^[0-9A-F]{2}(?::[0-9A-F]{2}){5}$/.test(text) && key !== 'hwaddr') return `mac=${text}`;
    // The first card may be told in fields of its own.
    return [`${named[key] ?? key}=${text}`, `${named[key] ?? key} ${text}`];
  });
/** A new disk `fast:2`, or the volume of one. */
const disk = (value: string): Phrases => {
  const [file = '', ...options] = value.split(',');
  const [storage, size] = file.split(':');
  const place = size === '0' || size === 'cloudinit' ? `${storage}` : `${size} GiB on ${storage}`;
  const said = options.flatMap((option): Phrases => {
    const [key = '', text = ''] = option.split('=');
    if (key === 'import-from') return [text.replace(/^.*proxnix-(\w{32}).*$/, '$1')];
    if (key === 'mp') return [`(${text})`];
    if (key === 'size') return [];
    return [`${key} ${({ '0': 'no', '1': 'yes', on: 'yes', ignore: 'no' } as const)[text] ?? text}`];
  });
  return [...(/^\d+$|^cloudinit$/.test(size ?? '') ? [place] : []), ...said];
};

/** How the plan says a parameter of Proxmox; of several phrases one is enough. */
const phrases: Readonly<Record<string, (value: string) => Phrases>> = {
  name: plain('name'),
  hostname: plain('name'),
  cores: plain('cores'),
  sockets: plain('sockets'),
  cpu: plain('cpu'),
  numa: flag('numa'),
  memory: plain('memory', ' MiB'),
  balloon: plain('balloon', ' MiB'),
  swap: plain('swap', ' MiB'),
  scsihw: plain('scsi-hw'),
  machine: plain('machine'),
  bios: plain('bios'),
  vga: plain('vga'),
  onboot: flag('onboot'),
  protection: flag('protected'),
  unprivileged: flag('unprivileged'),
  features: (value) => [`features ${value.replace('=1', '')}`],
  nameserver: (value) => [[`nameservers ${value}`, `nameservers=${value.replaceAll(' ', ',')}`]],
  searchdomain: (value) => [[`search-domain ${value}`, `search_domain=${value}`]],
  startup: (value) => value.split(',').map((part) => part),
  ciuser: (value) => [`user=${value}`],
  sshkeys: (value) => decodeURIComponent(value).trim().split('\n'),
  ipconfig0: (value) => value.split(',').map((part) => part.replace('gw=', 'gateway=')),
  description: (value) => [[`description ${JSON.stringify(value)}`, `-> ${JSON.stringify(value)}`]],
  tags: (value) => value.split(';'),
  boot: (value) => [[`boot ${value.replace('order=', '').replaceAll(';', ' ')}`, 'none ->']],
  pool: plain('pool'),
  poolid: plain('pool'),
  storage: (value) => [[`on ${value}`, `storage ${value}`, `-> ${value}`, `to ${value}`]],
  size: (value) => [value.replace('G', ' GiB')],
  ostemplate: (value) => [value.replace(/^.*proxnix-(\w{32}).*$/, '$1')],
  'notes-template': (value) => [value.replace(/.* ([0-9a-f]{7,40}).*/, '$1')],
};
const byPattern: readonly (readonly [RegExp, (value: string) => Phrases])[] = [
  [/^net\d+$/, card],
  [/^(?:scsi|sata|virtio|ide|mp)\d+$|^rootfs$/, disk],
  [/^efidisk0$/, (value) => [[`EFI disk on ${value.split(':')[0]}`, `efi-disk none -> on ${value.split(':')[0]}`]]],
  [/^tpmstate0$/, (value) => [`TPM state on ${value.split(':')[0]}`]],
  [/^(?:hostpci|usb)\d+$/, (value) => value.split(',').map((part) => part.replace('mapping=', ''))],
];

/** Parameters that are written as a whole: what stood there before stays. */
const separators: readonly (readonly [RegExp, string])[] = [
  [/^(?:net|scsi|sata|virtio|ide|mp|efidisk|tpmstate|hostpci|usb)\d+$|^(?:rootfs|startup|ipconfig0)$/, ','],
  [/^tags$/, ';'],
];

/** The parameters whose values do not stand in the text. @param before what the guest's configuration held */
function hidden(form: URLSearchParams, text: string, before: Readonly<Record<string, string>>): readonly string[] {
  const told = oneLine(text);
  return [...form].flatMap(([key, value]) => {
    if (key in fixed || before[key] === value) return [];
    // A staging guest never starts and is removed again: only the disk that it holds counts.
    if (form.has('vmid') && form.get('vmid') !== String(vmid) && !/^scsi|^rootfs$|^ostemplate$/.test(key)) return [];
    if (temporary.some(([pattern, what]) => pattern.test(key) && what.test(value))) return [];
    const say = phrases[key] ?? byPattern.find(([pattern]) => pattern.test(key))?.[1];
    if (say === undefined) return [`${key}=${value}: no phrase is known for it`];
    const fresh = withoutBefore(key, value, before[key] ?? '');
    const missing =
      fresh === '' ? [] : say(fresh).filter((each) => ![each].flat().some((one) => says(told, oneLine(one))));
    return missing.map((each) => `${key}=${value}: ${[each].flat().join(' or ')}`);
  });
}

/** Is the phrase there? `memory 733 -> 187 MiB` says `memory 187 MiB`. */
function says(told: string, phrase: string): boolean {
  const [word = '', ...rest] = phrase.split(' ').map((part) => part.replace(/[^\w ]/g, '\\$&'));
  return told.includes(phrase) || new RegExp(`\\b${word} [^,]*?-> ${rest.join(' ')}`).test(told);
}

function withoutBefore(key: string, value: string, before: string): string {
  const separator = separators.find(([pattern]) => pattern.test(key))?.[1];
  if (separator === undefined) return value;
  const kept = before.split(separator);
  const parts = value.split(separator);
  return parts.filter((part) => !kept.includes(part) && !usual.has(part)).join(separator);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

async function open() {
  const proxies: LossyProxy[] = [];
  const base = trusting();
  const seed = { ...base, pools: ['web', 'db'] };
  const world = await openSimulated(seed, async (url) => {
    const made = new LossyProxy(url);
    proxies.push(made);
    return made.listen();
  });
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no proxy was made');
  await makeMappings(world);
  onTestFinished(async () => {
    await world.close();
    proxy.close();
  });
  return { world, proxy };
}

const vmid = 823;
const quiet = { task: () => undefined, progress: () => undefined, line: () => undefined };

/** A guest as a flake may want it, with every field that an apply writes. */
function anyWanted(kind: GuestKind): fc.Arbitrary<DesiredGuest> {
  const [first, second] = kind === 'vm' ? ['scsi1', 'sata2'] : ['/data', '/srv'];
  const data = fc.record({
    sizeGb: fc.constantFrom(1, 2),
    storage: fc.constantFrom('fast', 'slow'),
    more: fc.constantFrom({}, { backup: false }, ...(kind === 'vm' ? [{ discard: true, cache: 'writeback' }] : [])),
  });
  const disks = fc
    .record({ one: fc.option(data), two: fc.option(data) })
    .map(({ one, two }) =>
      Object.fromEntries(
        [[first, one] as const, [second, two] as const].flatMap(([at, each], index) =>
          each === null || at === undefined
            ? []
            : [[`disk${index}`, { at, sizeGb: each.sizeGb, storage: each.storage, ...each.more }]],
        ),
      ),
    );
  const beside = fc.record({
    letter: fc.constantFrom('a', 'b'),
    diskGb: fc.constantFrom(2, 3, 4),
    storage: fc.constantFrom('fast', 'slow'),
    tags: fc.constantFrom(undefined, ['prod'], ['prod', 'team.a']),
    rootOptions: fc.constantFrom(undefined, { ssd: true }, { discard: true, cache: 'writeback' as const }),
    backup: fc.constantFrom(undefined, { storage: 'vault', before: ['replace', 'destroy', 'update'] as const }),
    disks: fc.option(disks, { nil: undefined }),
  });
  return fc.tuple(anyGuest(kind), beside).map(([guest, { letter, rootOptions, disks: named, ...rest }]) => {
    const own = kind === 'vm' ? { disks: named, rootOptions } : { mounts: named };
    const description = guest.description?.isWellFormed() === false ? '' : guest.description;
    const all = { ...guest, protected: false, unprivileged: true, ...defined({ ...rest, ...own, description }) };
    return { ...all, image: anImage(letter, kind) } as unknown as DesiredGuest;
  });
}

const goalOf = (guests: readonly DesiredGuest[], more: Partial<Goal> = {}): Goal => ({
  fleet: 'homelab',
  commit: aCommit(),
  guests,
  ...more,
});

async function planFor(world: SimulatedWorld, goal: Goal): Promise<Plan> {
  return createPlan(goal, await world.cluster.readState(new Set([vmid]), { unused: true }));
}

/** The raw configuration; empty where there is no guest. */
async function configOf(world: SimulatedWorld): Promise<Record<string, string>> {
  const type = world.simulator.guest(vmid)?.type;
  if (type === undefined) return {};
  const config = await world.admin('GET', `/nodes/pve1/${type}/${vmid}/config`);
  return Object.fromEntries(Object.entries(config as object).map(([key, value]) => [key, String(value)]));
}

/** Carries the plan out, unless it is blocked, and tells what of it was not said. */
async function unsaid({ world, proxy }: Awaited<ReturnType<typeof open>>, plan: Plan): Promise<readonly string[]> {
  const before = await configOf(world);
  const text = planText(plan);
  const live = (await world.cluster.readState(new Set([vmid]))).guests.find((guest) => guest.vmid === vmid);
  let precondition: Precondition | undefined =
    live?.config === undefined
      ? undefined
      : { guestKind: live.kind, vmid, node: live.node, uuid: live.config.uuid ?? '', digest: live.config.digest };
  proxy.forms.length = 0;
  for (const step of planSteps(plan)) {
    if (step.kind === 'build' || step.kind === 'health') continue;
    if (step.kind === 'upload') {
      const file = world.imageFile(imageHash(step.image).slice(0, 1), step.image.kind);
      await world.cluster.upload(file, step.node, quiet);
    } else precondition = await world.cluster.perform(step, precondition, quiet);
  }
  const lacks = proxy.forms.flatMap((form) => hidden(form, text, before));
  return lacks.length === 0 ? [] : [...lacks, text];
}

it.each(['vm', 'container'] as const)('every value that an apply writes to a %s stands in the plan', async (kind) => {
  const opened = await open();
  const { world } = opened;
  await fc.assert(
    fc.asyncProperty(anyWanted(kind), anyWanted(kind), anyWanted(kind), async (made, changed, again) => {
      for (const guest of [made, changed, again]) {
        expect(await unsaid(opened, await planFor(world, goalOf([guest])))).toEqual([]);
      }
      const { guests } = await world.cluster.readState(new Set([vmid]));
      const [live] = guests;
      if (live === undefined || !hasConfig(live)) throw new Error('no guest is there');
      const retained = Object.values(live.config.unused).map(
        (volid): RetainedDisk => ({ vmid, uuid: live.config.uuid ?? '', volid, since: 1 }),
      );
      const back = goalOf([again], { rollback: { vmid, retained } });
      expect(await unsaid(opened, await planFor(world, back))).toEqual([]);
      const type = kind === 'vm' ? 'qemu' : 'lxc';
      await world.admin('PUT', `/nodes/pve1/${type}/${vmid}/config`, { tags: 'prod' });
      expect(await unsaid(opened, await planFor(world, goalOf([again], { adopt: vmid })))).toEqual([]);
      expect(await unsaid(opened, await planFor(world, goalOf([])))).toEqual([]);
      expect(await configOf(world)).toEqual({});
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
