import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { driftDigest } from '../../src/core/acknowledged-drift.ts';
import { type AdoptChange, requiresRestart } from '../../src/core/change.ts';
import type { Goal } from '../../src/core/goal.ts';
import type { LiveGuest } from '../../src/core/live.ts';
import { createPlan, digestsOf, placeGuest, runnable } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { stagingMarker } from '../../src/core/tags.ts';
import { changeSummary } from '../../src/views/plan-text.ts';
import { applyPlan } from '../support/apply-plan.ts';
import * as any from '../support/arbitraries.ts';
import {
  aBigPlan,
  aCommit,
  aGoal,
  aGuest,
  aLiveGuest,
  aNode,
  anImage,
  anUnreadContainer,
  anUnreadGuest,
  aPlan,
  aState,
  gib,
} from '../support/builders.ts';
import { change, disk, onlyChange } from './changes.ts';

describe('the CPUs of a node', () => {
  const plan = (cpus: number | undefined, live: Parameters<typeof aLiveGuest>[0], goal: Partial<Goal> = {}) =>
    onlyChange(
      createPlan(
        aGoal({ guests: [aGuest({ sockets: 2, cores: 2 })], ...goal }),
        aState(
          [aLiveGuest({ config: { sockets: 2, cores: 2 }, ...live })],
          [aNode(cpus === undefined ? {} : { cpus })],
        ),
      ),
    );

  it.each<[string, number | undefined, Parameters<typeof aLiveGuest>[0], string | undefined]>([
    ['too few for an update that restarts', 3, { config: { sockets: 1, cores: 2 } }, 'cpus'],
    ['too few for one whose restart is to come', 3, { config: { sockets: 2, cores: 2, memoryMb: 512 } }, 'cpus'],
    ['too few for a new image', 3, { config: { sockets: 2, cores: 2 }, tags: ['proxnix'] }, 'cpus'],
    ['enough', 4, { config: { sockets: 1, cores: 2 } }, undefined],
    ['unknown', undefined, { config: { sockets: 1, cores: 2 } }, undefined],
    ['too few for what needs no start', 3, { config: { sockets: 2, cores: 2, onboot: false } }, undefined],
  ])('block or do not block when they are %s', (_, cpus, live, reason) => {
    expect(plan(cpus, live).blocked?.reason).toBe(reason);
  });

  it('are named with the figures', () => {
    expect(plan(3, { config: { sockets: 1, cores: 2 } }).blocked?.advice).toBe(
      'sockets = 2 and cores = 2 make 4 CPUs, and node pve1 has 3: Proxmox would not start it. Lower sockets or cores in the flake.',
    );
  });

  it('block the start of a guest that an interrupted apply left stopped', () => {
    const tags = [...aLiveGuest().tags, 'proxnix-pending'];
    const unfinished = [{ vmid: 823, uuid: '00000000-0000-4000-8000-000000000823', ran: true }] as const;
    const live = { status: 'stopped', tags } as const;
    expect(plan(3, live, { unfinished })).toMatchObject({ start: true, blocked: { reason: 'cpus' } });
    expect(plan(3, live).blocked).toBeUndefined();
    expect(
      plan(3, { ...live, tags: aLiveGuest().tags, config: { onboot: false, sockets: 2, cores: 2 } }, { unfinished }),
    ).not.toHaveProperty('start');
  });
});

describe('the actions of a plan', () => {
  it('creates a VM that is wanted and whose VMID is free', () => {
    expect(onlyChange(aPlan())).toMatchObject({ action: 'create', vmid: 823, name: 'test-website', node: 'pve1' });
    expect(changeSummary(onlyChange(aPlan()))).toBe(
      'image none -> aaaaaaaa, 2 cores, 2048 MiB, 20 GiB on local-lvm, on pve1',
    );
  });

  it('has nothing to do for a guest that is as wanted', () => {
    expect(aPlan({}, [aLiveGuest()]).changes).toEqual([]);
  });

  it.each([
    ['name', { name: 'old-name' }, 'name old-name -> test-website'],
    ['onboot', { config: { onboot: false } }, 'onboot no -> yes'],
    ['network_bridge', { config: { bridge: 'vmbr1' } }, 'bridge vmbr1 -> vmbr0'],
    ['a missing network', { config: { bridge: 'none' } }, 'bridge none -> vmbr0'],
    ['storage_location', { config: { disks: disk(20, 'slow') } }, 'storage slow -> local-lvm'],
    ['disk_gb that grows', { config: { disks: disk(10) } }, 'disk 10 -> 20 GiB'],
    ['half a gibibyte', { config: { disks: disk(19.5) } }, 'disk 19.5 -> 20 GiB'],
  ])('updates %s at once, running or not', (_, live, summary) => {
    const found = change(live);
    expect(found.action).toBe('update');
    expect(found.blocked).toBeUndefined();
    expect(changeSummary(found)).toBe(summary);
    expect(requiresRestart(found)).toBe(false);
  });

  it('tells the value in use and the one that waits, and takes that back without a restart', () => {
    const waits = { pending: ['memoryMb'], memoryMb: 3072, inUse: { memoryMb: 2048 } };
    const withMemory = (memoryMb: number, status: 'running' | 'stopped' = 'running') =>
      change({ status, config: waits }, aGuest({ memoryMb }));
    expect(changeSummary(withMemory(2048))).toBe('memory 2048 (3072 pending) -> 2048 MiB');
    expect(requiresRestart(withMemory(2048))).toBe(false);
    expect(changeSummary(withMemory(3072))).toBe('memory 2048 (3072 pending) -> 3072 MiB (restart)');
    expect(changeSummary(withMemory(4096))).toBe('memory 2048 (3072 pending) -> 4096 MiB (restart)');
    expect(requiresRestart(withMemory(4096))).toBe(true);
    expect(changeSummary(withMemory(2048, 'stopped'))).toBe('memory 3072 -> 2048 MiB');
  });

  it('tells what somebody else stored before its restart makes that real', () => {
    const waiting = {
      pending: ['cpuType', 'memoryMb'],
      cpuType: 'host',
      otherPending: [
        { key: 'hotplug', to: 'disk' },
        { key: 'boot', to: 'order=scsi0' },
      ],
    };
    const live = { config: { cores: 1, ...waiting } };
    expect(changeSummary(change(live))).toContain(
      'its restart also makes real what waits in Proxmox: cpu host; hotplug disk',
    );
    expect(changeSummary(change({ ...live, status: 'stopped' }))).not.toContain('waits in Proxmox');
    expect(changeSummary(change({ config: { onboot: false, otherPending: waiting.otherPending } }))).toBe(
      'onboot no -> yes',
    );
  });

  it('tells what becomes of the keys of a TPM', () => {
    const off = change({ config: { tpm: true } }, aGuest({ tpm: false }));
    expect(changeSummary(off)).toBe('tpm yes -> no (restart), the TPM with its keys is kept as an unused disk');
    const on = change({ config: { tpm: false } }, aGuest({ tpm: true }));
    expect(changeSummary(on)).toContain('tpm no -> yes (restart), the TPM is new and has no keys');
  });

  it('leaves alone what the flake does not name or says to ignore', () => {
    const notes = { config: { description: 'by hand', cpuType: 'host', startup: { order: 2, upS: 9 } } };
    expect(aPlan({}, [aLiveGuest(notes)]).changes).toEqual([]);
    const named = aGuest({ description: '', startup: { order: 1 } });
    expect(changeSummary(change(notes, named))).toBe('startup order=2 -> order=1, description "by hand" -> none');
    const ignoring = aGuest({ ignore: ['cores', 'description'], description: 'ours' });
    expect(aPlan({ guests: [ignoring] }, [aLiveGuest({ config: { cores: 7 } })]).changes).toEqual([]);
  });

  it.each([
    ['cores', { config: { cores: 1 } }, 'cores 1 -> 2 (restart)'],
    ['sockets', { config: { sockets: 4 } }, 'sockets 4 -> 1 (restart)'],
    ['memory', { config: { memoryMb: 4096 } }, 'memory 4096 -> 2048 MiB (restart)'],
    ['scsi_hw', { config: { scsiHw: 'lsi' } }, 'scsi-hw lsi -> virtio-scsi-pci (restart)'],
    ['cloud_init', { config: { cloudInit: { storage: 'slow', user: 'ada' } } }, 'cloud-init slow -> none (restart)'],
  ])('says that a running guest restarts for %s, and does not when it is stopped', (_, live, summary) => {
    expect(changeSummary(change(live))).toBe(summary);
    expect(requiresRestart(change(live))).toBe(true);
    const stopped = change({ ...live, status: 'stopped' });
    expect(changeSummary(stopped)).toBe(summary.replace(' (restart)', ''));
    expect(requiresRestart(stopped)).toBe(false);
  });

  it('updates protection when nothing else is to be done', () => {
    const found = change({ config: { protected: false } }, aGuest({ protected: true }));
    expect(found).toMatchObject({ action: 'update' });
    expect(found.blocked).toBeUndefined();
    expect(changeSummary(found)).toBe('protected no -> yes');
  });

  it('updates tags of a guest that a run left unfinished, and keeps those of other people', () => {
    const live = aLiveGuest();
    const found = change({ tags: ['mine', ...live.tags, 'proxnix-pending'] });
    expect(changeSummary(found)).toBe('tags proxnix-pending -> none');
  });

  it('blocks a disk that would have to shrink, and says what to do', () => {
    const found = change({ config: { disks: disk(40) } });
    expect(changeSummary(found)).toBe('disk 40 -> 20 GiB');
    expect(found.blocked).toEqual({
      reason: 'shrink',
      advice:
        'Proxmox cannot make a disk smaller, and this one has 40 GiB. Set disk_gb = 40, or change the image as well: a new root disk has the size of the flake.',
    });
    // A disk that somebody grew by hand may have any size.
    expect(change({ config: { disks: disk(20.5) } }).blocked?.advice).toContain('has 20.5 GiB. Set disk_gb = 21,');
  });

  it('replaces the root disk for another image, also by a smaller one', () => {
    const found = change({ config: { disks: disk(40) } }, aGuest({ image: anImage('b'), memoryMb: 4096 }));
    expect(found).toMatchObject({ action: 'replace', incomplete: false });
    expect(found.blocked).toBeUndefined();
    expect(changeSummary(found)).toBe(
      'image aaaaaaaa -> bbbbbbbb, old root disk (40 GiB on local-lvm) is kept, memory 2048 -> 4096 MiB, disk 40 -> 20 GiB',
    );
    expect(requiresRestart(found)).toBe(true);
    expect(requiresRestart(change({ status: 'stopped' }, aGuest({ image: anImage('b') })))).toBe(false);
  });

  it('tells with another image that the disk moves, and which tags come with it', () => {
    const wanted = aGuest({ image: anImage('b'), storage: 'fast', tags: ['prod'] });
    expect(changeSummary(change({ config: { disks: disk(16) } }, wanted))).toBe(
      'image aaaaaaaa -> bbbbbbbb, old root disk (16 GiB on local-lvm) is kept, disk 16 -> 20 GiB, storage local-lvm -> fast, tags none -> prod',
    );
  });

  it('gives a new disk to a guest that was done once and lost its disks: no step discards it', () => {
    const tags = ['proxnix', 'proxnix-pending', `nix-${'b'.repeat(32)}`];
    const lost = change({ tags, status: 'stopped', config: { disks: {} } });
    expect(lost).toMatchObject({ action: 'replace', incomplete: false });
    expect(lost.blocked).toBeUndefined();
  });

  it('replaces what a run left half made, because its tags do not tell its image', () => {
    const found = change({ tags: ['proxnix', 'proxnix-pending'] });
    expect(changeSummary(found)).toBe('image unknown -> aaaaaaaa, old root disk (20 GiB on local-lvm) is kept');
    const bare = { tags: ['proxnix', 'proxnix-pending'], status: 'stopped', config: { disks: {} } } as const;
    expect(change(bare)).toMatchObject({ action: 'replace', incomplete: true });
    expect(changeSummary(change(bare))).toBe(
      'image none (incomplete) -> aaaaaaaa, created again, disk none -> 20 GiB at scsi0',
    );
  });

  it('creates and destroys when the vm_id of a VM changes, and says so', () => {
    const plan = aPlan({ guests: [aGuest({ vmid: 824 })] }, [aLiveGuest()]);
    expect(plan.changes.map((one) => [one.action, one.vmid])).toEqual([
      ['destroy', 823],
      ['create', 824],
    ]);
    expect(plan.changes[0] && changeSummary(plan.changes[0])).toBe(
      'image aaaaaaaa -> none, its disks are deleted, scsi0 20 GiB on local-lvm, its name moves to VMID 824',
    );
  });

  it('destroys a VM that is ours and no longer wanted', () => {
    const found = onlyChange(aPlan({ guests: [] }, [aLiveGuest()]));
    expect(found).toMatchObject({ action: 'destroy', vmid: 823, name: 'test-website' });
    expect(changeSummary(found)).toBe('image aaaaaaaa -> none, its disks are deleted, scsi0 20 GiB on local-lvm');
    expect(requiresRestart(found)).toBe(false);
  });

  it('cleans up the staging guest of an interrupted replace, unless the replace is made again', () => {
    const staging = aLiveGuest(
      { tags: ['proxnix', 'proxnix-pending'], status: 'stopped', config: { description: stagingMarker(823) } },
      aGuest({ vmid: 900_000_823, name: 'proxnix-staging-823' }),
    );
    const found = onlyChange(aPlan({}, [aLiveGuest(), staging]));
    expect(found).toMatchObject({ action: 'clean-up', vmid: 900_000_823, ownerVmid: 823 });
    expect(changeSummary(found)).toBe('left by an interrupted replace of guest 823, its disk is deleted');
    const again = aPlan({ guests: [aGuest({ image: anImage('b') })] }, [aLiveGuest(), staging]);
    expect(again.changes.map((one) => one.action)).toEqual(['replace']);
  });
});

describe('the order and the name of a plan', () => {
  it('shows destroys first, then the guests as the run takes them: by order and VMID', () => {
    const guests = [
      aGuest({ vmid: 823, name: 'a' }),
      aGuest({ vmid: 822, name: 'b', cores: 4 }),
      aGuest({ vmid: 821, name: 'c', image: anImage('b') }),
      aGuest({ vmid: 820, name: 'd', order: 1 }),
    ];
    const live = [
      aLiveGuest({ name: 'b' }, aGuest({ vmid: 822 })),
      aLiveGuest({ name: 'c' }, aGuest({ vmid: 821 })),
      aLiveGuest({}, aGuest({ vmid: 830 })),
    ];
    expect(aPlan({ guests }, live).changes.map((one) => `${one.action} ${one.vmid}`)).toEqual([
      'destroy 830',
      'replace 821',
      'update 822',
      'create 823',
      'create 820',
    ]);
  });

  it('has the same digests in whatever order people read it', () => {
    const plan = aBigPlan();
    const turned = { ...plan, changes: plan.changes.toReversed() };
    expect(digestsOf(turned)).toEqual({ digest: plan.digest, changesDigest: plan.changesDigest });
    expect(driftDigest(turned)).toBe(driftDigest(plan));
  });

  it('is named by the first digits of its digest', () => {
    const plan = aPlan();
    expect(plan.id).toMatch(/^p-[0-9a-f]{6}$/);
    expect(plan.digest.startsWith(plan.id.slice(2))).toBe(true);
  });

  it('keeps a new guest on the node it chose before, although another has more memory now', () => {
    const nodes = (free: number) => [aNode(), aNode({ node: 'pve2', freeMemory: free })];
    const plan = createPlan(aGoal(), aState([], nodes(16 * gib)));
    expect(onlyChange(plan).node).toBe('pve2');
    const again = createPlan(plan.goal, aState([], nodes(gib)), plan);
    expect(again.digest).toBe(plan.digest);
    expect(onlyChange(createPlan(plan.goal, aState([], nodes(gib)))).node).toBe('pve1');
  });
});

const nodes = [
  aNode({ node: 'pve1', freeMemory: 4 * gib }),
  aNode({ node: 'pve2', freeMemory: 8 * gib }),
  aNode({ node: 'pve3', freeMemory: 64 * gib, storages: ['ceph'] }),
  aNode({ node: 'pve4', freeMemory: 128 * gib, online: false }),
];

describe('the place of a new guest', () => {
  it('goes to the node that is online, has the storage and has the most free memory', () => {
    expect(placeGuest(aGuest(), nodes)).toEqual({ node: 'pve2' });
    expect(placeGuest(aGuest({ storage: 'ceph' }), nodes)).toEqual({ node: 'pve3' });
  });

  it('counts the memory of those that the same plan puts there before it', () => {
    const guests = [1, 2, 3].map((index) => aGuest({ vmid: 800 + index, name: `new-${index}`, memoryMb: 6 * 1024 }));
    const plan = createPlan(aGoal({ guests }), aState([], nodes));
    expect(plan.changes.map(({ vmid, node }) => [vmid, node])).toEqual([
      [801, 'pve2'],
      [802, 'pve1'],
      [803, 'pve2'],
    ]);
    const moved = nodes.map((node) => ({ ...node, freeMemory: 8 * gib }));
    expect(createPlan(plan.goal, aState([], moved), plan).digest).toBe(plan.digest);
  });

  it('goes where there are enough CPUs for it while there is such a place', () => {
    const vm = aGuest({ sockets: 2, cores: 2 });
    const [first, ...others] = nodes.map((node) => (node.node === 'pve2' ? { ...node, cpus: 2 } : node));
    expect(
      placeGuest(
        vm,
        [first, ...others].flatMap((node) => node ?? []),
      ),
    ).toEqual({ node: 'pve1' });
    expect(placeGuest(vm, [aNode({ cpus: 2 })])).toEqual({ node: 'pve1' });
    expect(onlyChange(createPlan(aGoal({ guests: [vm] }), aState([], [aNode({ cpus: 2 })]))).blocked?.reason).toBe(
      'cpus',
    );
  });

  it('goes to the first by name where memory tells nothing', () => {
    const { freeMemory: _, ...unknown } = aNode({ node: 'b' });
    expect(placeGuest(aGuest(), [unknown, { ...unknown, node: 'a' }])).toEqual({ node: 'a' });
  });

  it('stays where the plan put it before, as long as it can be there', () => {
    expect(placeGuest(aGuest(), nodes, 'pve1')).toEqual({ node: 'pve1' });
    expect(placeGuest(aGuest(), nodes, 'pve4')).toEqual({ node: 'pve2' });
    expect(placeGuest(aGuest(), nodes, 'pve3')).toEqual({ node: 'pve2' });
  });

  it('goes where the flake says, whatever the plan said before', () => {
    expect(placeGuest(aGuest({ node: 'pve1' }), nodes, 'pve2')).toEqual({ node: 'pve1' });
  });

  it('does not go where images cannot be brought while there is another place', () => {
    const imageProblems = { vm: 'no import' };
    const [small = aNode(), large = aNode(), ...others] = nodes;
    const able = [small, { ...large, imageProblems }, ...others];
    expect(placeGuest(aGuest(), able)).toEqual({ node: 'pve1' });
    expect(placeGuest(aGuest(), able, 'pve2')).toEqual({ node: 'pve1' });
    expect(placeGuest(aGuest(), [small, { ...large, imageProblems: { container: 'no vztmpl' } }])).toEqual({
      node: 'pve2',
    });
    expect(placeGuest(aGuest({ node: 'pve2' }), able)).toEqual({ node: 'pve2' });
  });

  it('goes to the best node where none can have images: the plan then says what that one lacks', () => {
    const lacking = nodes.map((node) => ({ ...node, imageProblems: { vm: 'no import' } }));
    expect(placeGuest(aGuest(), lacking)).toEqual({ node: 'pve2' });
    expect(placeGuest(aGuest(), lacking, 'pve1')).toEqual({ node: 'pve1' });
  });

  it.each([
    [{ node: 'pve9' }, 'The cluster has no node "pve9".'],
    [{ node: 'pve4' }, 'Node pve4 is offline.'],
    [
      { node: 'pve3' },
      'Node pve3 has no storage "local-lvm". The token can see ceph: correct `storage_location`, or let the token use "local-lvm".',
    ],
    [
      { storage: 'tape' },
      'No node that is online has a storage "tape". The token can see ceph, local-lvm: correct `storage_location`, or let the token use "tape".',
    ],
  ])('has no place for %j, and the reason is said', (wanted, problem) => {
    expect(placeGuest(aGuest(wanted), nodes)).toEqual({ problem });
  });
});

describe('the digest of a plan', () => {
  const planned = fc.tuple(any.goal, any.liveState);

  it('does not depend on the order in which guests, nodes and keys were read', () => {
    fc.assert(
      fc.property(
        planned.chain(([goal, live]) =>
          fc.record({
            goal: fc.constant(goal),
            live: fc.constant(live),
            guests: fc.shuffledSubarray([...live.guests], { minLength: live.guests.length }),
            nodes: fc.shuffledSubarray([...live.nodes], { minLength: live.nodes.length }),
          }),
        ),
        ({ goal, live, guests, nodes }) => {
          const again = createPlan(keysReversed(goal), { guests: guests.map(keysReversed), nodes });
          expect(again.digest).toBe(createPlan(goal, live).digest);
        },
      ),
    );
  });

  it('does not move with what is volatile: free memory, power states, names in the list', () => {
    fc.assert(
      fc.property(planned, fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), ([goal, live], free) => {
        const plan = createPlan(goal, live);
        const guests = live.guests.map((guest) => {
          if (guest.config === undefined) return { ...guest, name: 'listed otherwise', status: 'unknown' as const };
          // A guest without any disk is made anew when it is stopped: there its state does decide.
          if (Object.keys(guest.config.disks).length === 0) return guest;
          return { ...guest, status: guest.status === 'running' ? ('stopped' as const) : ('running' as const) };
        });
        const nodes = live.nodes.map((node, index) => ({ ...node, freeMemory: free[index] ?? 0 }));
        expect(createPlan(goal, { guests, nodes }, plan).digest).toBe(plan.digest);
      }),
    );
  });

  it('moves when a guest that was to be made anew runs meanwhile', () => {
    const bare = { tags: ['proxnix', 'proxnix-pending'], config: { disks: {} } };
    const plan = createPlan(aGoal(), aState([aLiveGuest({ ...bare, status: 'stopped' })]));
    const now = createPlan(plan.goal, aState([aLiveGuest({ ...bare, status: 'running' })]), plan);
    expect(now.digest).not.toBe(plan.digest);
  });

  it('moves with the commit, and the digest of the changes does not', () => {
    fc.assert(
      fc.property(planned, ([goal, live]) => {
        const plan = createPlan(goal, live);
        const later = createPlan({ ...goal, commit: aCommit({ sha: 'e'.repeat(40) }) }, live);
        expect(later.digest).not.toBe(plan.digest);
        expect(later.changesDigest).toBe(plan.changesDigest);
      }),
    );
  });

  it('moves with the UUID, the digest, the node and the tags of every guest touched', () => {
    fc.assert(
      fc.property(planned, fc.constantFrom('uuid', 'digest', 'node', 'tags'), fc.nat(), ([goal, live], what, pick) => {
        const plan = createPlan(goal, live);
        const touched = plan.changes.flatMap((change) => ('live' in change && change.live.config ? [change.vmid] : []));
        const vmid = touched[pick % Math.max(1, touched.length)];
        fc.pre(vmid !== undefined);
        const guests = live.guests.map((guest) => {
          if (guest.vmid !== vmid || guest.config === undefined) return guest;
          if (what === 'node') return { ...guest, node: `${guest.node}x` };
          if (what === 'tags') return { ...guest, tags: [...guest.tags, 'zz-new'] };
          return { ...guest, config: { ...guest.config, [what]: 'changed' } } as LiveGuest;
        });
        expect(createPlan(goal, { ...live, guests }, plan).digest).not.toBe(plan.digest);
      }),
    );
  });

  it('moves with every value that the flake wants', () => {
    const other: Readonly<Record<string, unknown>> = {
      ...{ key: 'x', name: 'x', vmid: 99_999, imageType: 'x', cores: 99, sockets: 99, memoryMb: 99, diskGb: 99 },
      ...{
        storage: 'x',
        cloudInit: { storage: 'x' },
        bridge: 'x',
        scsiHw: 'x',
        diskSlot: 'sata0',
        node: 'x',
        order: 99,
      },
      ...{ swapMb: 99, ip: 'x', gateway: 'x', features: ['x'], unprivileged: 'x', vlan: 99 },
      ...{ description: 'x', image: { storePath: '/nix/store/x' }, health: { agent: false, tcp: [1], timeoutS: 1 } },
    };
    fc.assert(
      fc.property(planned, fc.constantFrom(...Object.keys(other), 'onboot', 'protected'), ([goal, live], field) => {
        const [first, ...rest] = goal.guests;
        fc.pre(first !== undefined);
        const value = field === 'onboot' || field === 'protected' ? !first?.[field] : other[field];
        const guests = [{ ...first, [field]: value }, ...rest] as Goal['guests'];
        expect(createPlan({ ...goal, guests }, live).digest).not.toBe(createPlan(goal, live).digest);
      }),
      { numRuns: 300 },
    );
  });
});

function keysReversed<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).reverse()) as T;
}

const foreign = aLiveGuest({ tags: ['prod'], name: 'payroll' });
const adopting = aGoal({ adopt: 823 });

function adoption(live: LiveGuest, change: Partial<Goal> = {}): AdoptChange {
  const [found, ...others] = createPlan({ ...adopting, ...change }, aState([live])).changes;
  if (found?.action !== 'adopt' || others.length > 0) throw new Error('the plan is no adoption');
  return found;
}

describe('taking a guest over', () => {
  it('plans nothing but the tags, whatever else differs in the fleet', () => {
    const others = [aLiveGuest({}, aGuest({ vmid: 830, name: 'old' }))];
    const guests = [aGuest(), aGuest({ vmid: 824, name: 'new', key: 'new' })];
    const plan = createPlan(aGoal({ adopt: 823, guests }), aState([foreign, ...others]));
    expect(planSteps(plan)).toEqual([
      {
        id: '823 adopt',
        kind: 'adopt',
        guestKind: 'vm',
        vmid: 823,
        name: 'test-website',
        node: 'pve1',
        tags: 'prod;proxnix',
      },
    ]);
  });

  it('tells what the next plan would do, and that is what it does', async () => {
    const change = adoption(foreign);
    expect(change.next).toMatchObject({ action: 'replace', incomplete: false });
    expect(change.next).not.toHaveProperty('fromImage');
    const after = await applyPlan(aState([foreign]), createPlan(adopting, aState([foreign])));
    const [next] = createPlan(aGoal(), after).changes;
    expect(next).toMatchObject({ action: 'replace', fields: change.next?.fields });
    expect(createPlan(adopting, after).changes).toEqual([]);
  });

  it('keeps every tag, and so the root disk of a guest whose tags name the wanted image', () => {
    const nix = `nix-${anImage().storePath.slice(11, 43)}`;
    const change = adoption(aLiveGuest({ tags: [nix, 'prod'] }));
    expect(change.tags).toBe(`${nix};prod;proxnix`);
    expect(change.next).toMatchObject({ action: 'update', fields: [{ field: 'tags' }] });
    expect(adoption(aLiveGuest({ tags: [`nix-${'z'.repeat(32)}`] })).next).toMatchObject({ fromImage: 'z'.repeat(32) });
  });

  it('adds the tag of the fleet where there are several', () => {
    expect(adoption(foreign, { fleetTag: 'homelab' }).tags).toBe('prod;proxnix;fleet-homelab');
    const ofNone = aLiveGuest({ tags: ['proxnix'], name: 'other' });
    expect(adoption(ofNone, { fleetTag: 'homelab' }).tags).toBe('proxnix;fleet-homelab');
  });

  it('has nothing to do when the VMID is free or the guest is ours', () => {
    expect(createPlan(adopting, aState()).changes).toEqual([]);
    expect(createPlan(adopting, aState([aLiveGuest()])).changes).toEqual([]);
  });

  it('says when what comes next is blocked', () => {
    const change = adoption(foreign, { guests: [aGuest({ diskSlot: 'virtio0' })] });
    expect(change.blocked).toBeUndefined();
    expect(change.next?.blocked?.reason).toBe('disk');
  });

  it.each<[string, LiveGuest, Partial<Goal>, string]>([
    ['kind', anUnreadContainer({ tags: [] }), {}, 'VMID 823 is a container. Give website another vm_id.'],
    ['template', { ...foreign, template: true }, {}, 'VM 823 is a template; proxnix does not manage templates.'],
    ['not-ours', { ...foreign, tags: ['fleet-lab', 'proxnix'] }, {}, 'VM 823 is a guest of the fleet "lab".'],
    ['not-ours', { ...foreign, tags: ['fleet-lab'] }, {}, 'VM 823 is a guest of the fleet "lab".'],
    ['locked', { ...foreign, lock: 'backup' }, {}, 'VM 823 is locked (backup). Ask again when that is over.'],
    [
      'unreachable',
      anUnreadGuest({ tags: [] }),
      {},
      'The configuration of VM 823 on node pve1 cannot be read. Is the node down?',
    ],
    [
      'protected',
      aLiveGuest({ tags: [], config: { protected: true } }),
      {},
      'VM 823 is protected in Proxmox. Turn it off there: `qm set 823 --protection 0`.',
    ],
    [
      'protected',
      foreign,
      { guests: [aGuest({ protected: true })] },
      'The flake says protected = true. Set it to false to let proxnix take VM 823 over.',
    ],
  ])('is refused: %s', (reason, live, change, advice) => {
    expect(adoption(live, change).blocked).toEqual({ reason, advice });
    expect(runnable(createPlan({ ...adopting, ...change }, aState([live])))).toEqual([]);
  });

  it('is refused for a guest that no UUID tells from another one', () => {
    const { uuid: _uuid, ...config } = foreign.config;
    expect(adoption({ ...foreign, config }).blocked?.advice).toContain('has no SMBIOS UUID');
  });
});
