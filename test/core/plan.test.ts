import { describe, expect, it } from 'vitest';
import { requiresRestart } from '../../src/core/change.ts';
import { createPlan } from '../../src/core/plan.ts';
import { stagingMarker } from '../../src/core/tags.ts';
import { changeSummary } from '../../src/views/plan-text.ts';
import { aGoal, aGuest, aLiveGuest, aNode, anImage, aPlan, aState, gib } from '../support/builders.ts';
import { change, disk, onlyChange } from './changes.ts';

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
    ['description', { config: { description: 'by hand' } }, 'description "by hand" -> none'],
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

  it.each([
    ['cores', { config: { cores: 1 } }, 'cores 1 -> 2 (restart)'],
    ['sockets', { config: { sockets: 4 } }, 'sockets 4 -> 1 (restart)'],
    ['memory', { config: { memoryMb: 4096 } }, 'memory 4096 -> 2048 MiB (restart)'],
    ['scsi_hw', { config: { scsiHw: 'lsi' } }, 'scsi-hw lsi -> virtio-scsi-pci (restart)'],
    ['cloud_init', { config: { cloudInit: { slot: 'ide2', storage: 'slow' } } }, 'cloud-init slow -> none (restart)'],
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
        'Proxmox cannot make a disk smaller. Set disk_gb back, or change the image as well: a new root disk has the new size.',
    });
  });

  it('replaces the root disk for another image, also by a smaller one', () => {
    const found = change({ config: { disks: disk(40) } }, aGuest({ image: anImage('b'), memoryMb: 4096 }));
    expect(found).toMatchObject({ action: 'replace', incomplete: false });
    expect(found.blocked).toBeUndefined();
    expect(changeSummary(found)).toBe('image aaaaaaaa -> bbbbbbbb, old root disk is kept, memory 2048 -> 4096 MiB');
    expect(requiresRestart(found)).toBe(true);
    expect(requiresRestart(change({ status: 'stopped' }, aGuest({ image: anImage('b') })))).toBe(false);
  });

  it('replaces what a run left half made, because its tags do not tell its image', () => {
    const found = change({ tags: ['proxnix', 'proxnix-pending'] });
    expect(changeSummary(found)).toBe('image unknown -> aaaaaaaa, old root disk is kept');
    const bare = { tags: ['proxnix', 'proxnix-pending'], status: 'stopped', config: { disks: {} } } as const;
    expect(change(bare)).toMatchObject({ action: 'replace', incomplete: true });
    expect(changeSummary(change(bare))).toBe('image none (incomplete) -> aaaaaaaa, created again');
  });

  it('creates and destroys when the vm_id of a VM changes, and says so', () => {
    const plan = aPlan({ guests: [aGuest({ vmid: 824 })] }, [aLiveGuest()]);
    expect(plan.changes.map((one) => [one.action, one.vmid])).toEqual([
      ['destroy', 823],
      ['create', 824],
    ]);
    expect(plan.changes[0] && changeSummary(plan.changes[0])).toBe(
      'image aaaaaaaa -> none, its disks are deleted, its name moves to VMID 824',
    );
  });

  it('destroys a VM that is ours and no longer wanted', () => {
    const found = onlyChange(aPlan({ guests: [] }, [aLiveGuest()]));
    expect(found).toMatchObject({ action: 'destroy', vmid: 823, name: 'test-website' });
    expect(changeSummary(found)).toBe('image aaaaaaaa -> none, its disks are deleted');
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
  it('shows destroys first, then replaces, updates and creates, each by VMID', () => {
    const guests = [
      aGuest({ vmid: 823, name: 'a' }),
      aGuest({ vmid: 822, name: 'b', cores: 4 }),
      aGuest({ vmid: 821, name: 'c', image: anImage('b') }),
      aGuest({ vmid: 820, name: 'd' }),
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
      'create 820',
      'create 823',
    ]);
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
