import fc from 'fast-check';
import type { DataDisk } from '../../src/core/data-disks.ts';
import { defined } from '../../src/core/forms.ts';
import type { Goal } from '../../src/core/goal.ts';
import type { DesiredContainer, DesiredGuest, DesiredVm } from '../../src/core/guest.ts';
import type { KnownGuest, LiveGuest, LiveState } from '../../src/core/live.ts';
import { stagingMarker } from '../../src/core/tags.ts';
import { stagingOf } from '../fakes/cluster-guest.ts';
import {
  aCommit,
  aContainer,
  aGuest,
  aLiveContainer,
  aLiveGuest,
  aNode,
  anImage,
  anUnreadContainer,
  anUnreadGuest,
} from './builders.ts';

const letter = fc.constantFrom('a', 'b', 'c', 'd');
const vmid = fc.integer({ min: 100, max: 107 });
/** Few names, so that some of them meet. */
const name = fc.constantFrom('web', 'db', 'Cache', 'mail.example', 'a-rather-long-name-of-a-guest-that-somebody-chose');
const tag = fc.constantFrom('prod', 'team.a', 'backup', 'keep_me', 'nix-like', 'proxnixish', 'commit-x');

/** Data disks at few places, so that some of them meet. */
function dataDisks(places: readonly [string, string]): fc.Arbitrary<Readonly<Record<string, DataDisk>> | undefined> {
  const disk = fc.record({
    sizeGb: fc.constantFrom(1, 2),
    storage: fc.constantFrom('local-lvm', 'ceph'),
    more: fc.constantFrom({}, { backup: false }, { backup: true }),
  });
  const made = fc.record({ first: fc.option(disk), second: fc.option(disk) }).map(({ first, second }) => {
    const at = (place: string, one: typeof first) =>
      one === null ? {} : { [place]: { at: place, sizeGb: one.sizeGb, storage: one.storage, ...one.more } };
    return { ...at(places[0], first), ...at(places[1], second) };
  });
  return fc.option(made, { nil: undefined });
}

/** What a flake may want of either kind of guest. */
const common = {
  vmid,
  name,
  letter,
  cores: fc.integer({ min: 1, max: 4 }),
  memoryMb: fc.constantFrom(512, 1024, 2048),
  diskGb: fc.constantFrom(4, 8, 20),
  storage: fc.constantFrom('local-lvm', 'ceph'),
  protected: fc.boolean(),
  bridge: fc.constantFrom('vmbr0', 'vmbr1'),
  onboot: fc.boolean(),
  order: fc.integer({ min: 0, max: 3 }),
  description: fc.constantFrom('', 'web server', 'two\nlines\n'),
};

const desiredVm: fc.Arbitrary<DesiredVm> = fc
  .record({
    ...common,
    sockets: fc.integer({ min: 1, max: 2 }),
    scsiHw: fc.constantFrom('virtio-scsi-pci', 'lsi'),
    cloudInit: fc.option(fc.constantFrom({ storage: 'local-lvm' }, { storage: 'ceph' }), { nil: undefined }),
    disks: dataDisks(['scsi1', 'sata2']),
    bios: fc.constantFrom(undefined, 'seabios', 'ovmf'),
    tpm: fc.constantFrom(undefined, true, false),
  })
  .map(({ letter: one, cloudInit, disks, bios, tpm, ...rest }) => ({
    ...aGuest({ ...rest, key: `key-${rest.vmid}`, image: anImage(one) }),
    ...defined({ cloudInit, disks, bios, tpm }),
  }));

const desiredContainer: fc.Arbitrary<DesiredContainer> = fc
  .record({
    ...common,
    // A tarball and a disk never have one hash.
    letter: fc.constantFrom('f', 'g', 'h', 'i'),
    swapMb: fc.constantFrom(0, 512),
    features: fc.constantFrom<readonly string[]>([], ['nesting']),
    unprivileged: fc.constantFrom(true, true, true, false),
    mounts: dataDisks(['/data', '/srv']),
    address: fc.constantFrom({ ip: 'dhcp' }, { ip: '10.0.0.5/24' }, { ip: '10.0.0.5/24', gateway: '10.0.0.1' }),
  })
  .map(({ letter: one, address, mounts, ...rest }) =>
    aContainer({
      ...rest,
      ...address,
      ...defined({ mounts }),
      key: `key-${rest.vmid}`,
      image: anImage(one, 'container'),
    }),
  );

/** A guest as a flake may want it. */
export const desiredGuest: fc.Arbitrary<DesiredGuest> = fc.oneof(
  { weight: 2, arbitrary: desiredVm },
  { weight: 1, arbitrary: desiredContainer },
);

/** Guests with different VMIDs, in the order in which a flake's output is read. */
export const desiredGuests: fc.Arbitrary<readonly DesiredGuest[]> = fc
  .uniqueArray(desiredGuest, { maxLength: 6, selector: (guest) => guest.vmid })
  .map((guests) => guests.sort((a, b) => a.vmid - b.vmid));

/** One fleet of one, or one of several. */
export const goal: fc.Arbitrary<Goal> = fc.record({ guests: desiredGuests, tagged: fc.boolean() }).map(
  ({ guests, tagged }): Goal => ({
    fleet: 'Homelab',
    commit: aCommit(),
    guests,
    ...(tagged ? { fleetTag: 'homelab' } : {}),
  }),
);

const ourTags = (own: readonly string[]) =>
  fc
    .record({
      foreign: fc.uniqueArray(tag, { maxLength: 3 }),
      fleet: fc.constantFrom<readonly string[]>([], ['fleet-homelab'], ['fleet-other']),
      state: fc.constantFrom<'final' | 'updating' | 'pending' | 'marker only'>(
        'final',
        'updating',
        'pending',
        'marker only',
      ),
    })
    .map(({ foreign, fleet, state }) => {
      const said = {
        final: own,
        updating: [...own, 'proxnix-pending'],
        pending: ['proxnix', 'proxnix-pending'],
        'marker only': ['proxnix'],
      }[state];
      return [...foreign, ...fleet, ...said].sort();
    });

type Found = Partial<Omit<LiveGuest, 'kind' | 'config'>>;

/** A guest of either kind, live as an apply leaves it; `bare`: without any disk. */
export function liveAs(
  wanted: DesiredGuest,
  { bare = false, ...found }: Found & { readonly bare?: boolean } = {},
): KnownGuest {
  const none = bare ? { disks: {} } : {};
  if (wanted.kind === 'container') return aLiveContainer({ ...found, config: none }, wanted);
  return aLiveGuest({ ...found, config: bare ? { ...none, boot: [] } : {} }, wanted);
}

/** The same where its configuration was not read. */
function unreadAs({ kind, vmid, name }: DesiredGuest, found: Found): LiveGuest {
  return kind === 'vm' ? anUnreadGuest({ vmid, name, ...found }) : anUnreadContainer({ vmid, name, ...found });
}

/** A guest that proxnix made, as it may be found: in any state, in any fleet, on any node, changed by anybody. */
const ourGuest: fc.Arbitrary<LiveGuest> = desiredGuest.chain((wanted) => {
  const like = liveAs(wanted);
  return fc
    .record({
      tags: ourTags(like.tags),
      node: fc.constantFrom('pve1', 'pve2', 'down'),
      status: fc.constantFrom<'running' | 'stopped'>('running', 'stopped'),
      lock: fc.option(fc.constantFrom('backup', 'create'), { nil: undefined, freq: 6 }),
      template: fc.constantFrom(false, false, false, true),
      bare: fc.constantFrom(false, false, true),
    })
    .map(({ tags, node, status, lock, template, bare }) => {
      const at = { tags, node, status, template, ...(lock === undefined ? {} : { lock }) };
      if (node === 'down') return unreadAs(wanted, { ...at, status: 'unknown' });
      return liveAs(wanted, bare ? { ...at, bare } : at);
    });
});

/** A guest that is none of ours: other people's VMs, read or not, and containers. */
const foreignGuest: fc.Arbitrary<LiveGuest> = fc.oneof(
  fc
    .record({ wanted: desiredGuest, tags: fc.uniqueArray(tag, { maxLength: 3 }), read: fc.boolean() })
    .map(
      ({ wanted, tags, read }): LiveGuest =>
        read ? liveAs(wanted, { tags: [...tags].sort() }) : unreadAs(wanted, { tags: [...tags].sort() }),
    ),
  fc.record({ vmid, name }).map((one): LiveGuest => anUnreadContainer({ ...one, tags: [] })),
);

/** What an interrupted replace leaves behind. */
const stagingGuest: fc.Arbitrary<LiveGuest> = vmid.map((owner) =>
  aLiveGuest(
    { tags: ['proxnix', 'proxnix-pending'], status: 'stopped', config: { description: stagingMarker(owner) } },
    aGuest({ vmid: stagingOf(owner), name: `proxnix-staging-${owner}` }),
  ),
);

/** A cluster in which anything may be found; every VMID once. */
export const liveState: fc.Arbitrary<LiveState> = fc
  .uniqueArray(fc.oneof({ weight: 6, arbitrary: ourGuest }, { weight: 3, arbitrary: foreignGuest }, stagingGuest), {
    maxLength: 8,
    selector: (guest) => guest.vmid,
  })
  .map((guests) => ({
    guests,
    nodes: [
      aNode({ storages: ['local-lvm'] }),
      aNode({ node: 'pve2', storages: ['local-lvm', 'ceph'] }),
      aNode({ node: 'down', online: false, storages: ['local-lvm', 'ceph'] }),
    ],
  }));
