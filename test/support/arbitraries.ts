import fc from 'fast-check';
import type { Goal } from '../../src/core/goal.ts';
import type { DesiredVm } from '../../src/core/guest.ts';
import type { LiveGuest, LiveState } from '../../src/core/live.ts';
import { stagingMarker } from '../../src/core/markers.ts';
import { stagingOf } from '../fakes/cluster-guest.ts';
import { aCommit, aGuest, aLiveGuest, aNode, anImage, anUnreadContainer, anUnreadGuest } from './builders.ts';

const letter = fc.constantFrom('a', 'b', 'c', 'd');
const vmid = fc.integer({ min: 100, max: 107 });
/** Few names, so that some of them meet. */
const name = fc.constantFrom('web', 'db', 'Cache', 'mail.example', 'a-rather-long-name-of-a-guest-that-somebody-chose');
const tag = fc.constantFrom('prod', 'team.a', 'backup', 'keep_me', 'nix-like', 'proxnixish', 'commit-x');

/** A guest as a flake may want it. */
export const desiredGuest: fc.Arbitrary<DesiredVm> = fc
  .record({
    vmid,
    name,
    letter,
    cores: fc.integer({ min: 1, max: 4 }),
    sockets: fc.integer({ min: 1, max: 2 }),
    memoryMb: fc.constantFrom(512, 1024, 2048),
    diskGb: fc.constantFrom(4, 8, 20),
    storage: fc.constantFrom('local-lvm', 'ceph'),
    protected: fc.boolean(),
    bridge: fc.constantFrom('vmbr0', 'vmbr1'),
    scsiHw: fc.constantFrom('virtio-scsi-pci', 'lsi'),
    onboot: fc.boolean(),
    order: fc.integer({ min: 0, max: 3 }),
    description: fc.constantFrom('', 'web server', 'two\nlines\n'),
    cloudInit: fc.option(fc.constantFrom({ storage: 'local-lvm' }, { storage: 'ceph' }), { nil: undefined }),
  })
  .map(({ letter: one, cloudInit, ...rest }) => {
    const base = aGuest({ ...rest, key: `key-${rest.vmid}`, image: anImage(one) });
    return cloudInit === undefined ? base : { ...base, cloudInit };
  });

/** Guests with different VMIDs, in the order in which a flake's output is read. */
export const desiredGuests: fc.Arbitrary<readonly DesiredVm[]> = fc
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

/** A guest that proxnix made, as it may be found: in any state, in any fleet, on any node, changed by anybody. */
const ourGuest: fc.Arbitrary<LiveGuest> = desiredGuest.chain((wanted) => {
  const like = aLiveGuest({}, wanted);
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
      if (node === 'down') return anUnreadGuest({ ...at, vmid: like.vmid, name: like.name, status: 'unknown' });
      return aLiveGuest({ ...at, ...(bare ? { config: { disks: {}, boot: [] } } : {}) }, wanted);
    });
});

/** A guest that is none of ours: other people's VMs, read or not, and containers. */
const foreignGuest: fc.Arbitrary<LiveGuest> = fc.oneof(
  fc
    .record({ wanted: desiredGuest, tags: fc.uniqueArray(tag, { maxLength: 3 }), read: fc.boolean() })
    .map(
      ({ wanted, tags, read }): LiveGuest =>
        read
          ? aLiveGuest({ tags: [...tags].sort() }, wanted)
          : anUnreadGuest({ vmid: wanted.vmid, name: wanted.name, tags: [...tags].sort() }),
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
