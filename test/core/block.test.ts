import { describe, expect, it } from 'vitest';
import { type DesiredGuest, type Image, imageHash } from '../../src/core/guest.ts';
import { createPlan, runnable } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { creationMarker, stagingMarker } from '../../src/core/tags.ts';
import { guestLines } from '../../src/views/guest-lines.ts';
import { changeSummary, lineText, planTable } from '../../src/views/plan-text.ts';
import {
  aContainer,
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
import { change, onlyChange } from './changes.ts';

describe('an image', () => {
  const blockOf = (image: Partial<Image>, guest: DesiredGuest = aGuest()) =>
    createPlan(
      aGoal({ guests: [{ ...guest, image: { ...guest.image, ...image } } as DesiredGuest] }),
      aState([], [aNode()]),
    ).changes[0]?.blocked;

  it.each([
    'vzdump-qemu-nixos.vma.zst',
    'nixos.vdi',
    'nixos.raw.xz',
    'nixos.img.zst',
    'nixos.qcow2.gz',
    'iso/nixos.iso',
    'nixos.vmdk',
    'nixos.ova',
    'tarball/nixos.tar.xz',
  ])('of the file %s makes no VM: that is said before anything is built', (file) => {
    expect(blockOf({ file })).toMatchObject({ reason: 'images', advice: expect.stringContaining('IMAGE_FILE') });
    expect(blockOf({ file })?.advice).toContain(file);
  });

  it.each(['nixos.qcow2', 'nixos.raw', 'nixos.img', 'disk/main', 'v1.2.3'])('of the file %s may make one', (file) => {
    expect(blockOf({ file })).toBeUndefined();
  });

  it.each(['nixos.qcow2', 'rootfs.squashfs', 'nixos.tar', 'nixos.tar.lz4'])(
    'of the file %s makes no container',
    (file) => {
      expect(blockOf({ file }, aContainer())).toMatchObject({
        reason: 'images',
        advice: expect.stringContaining('CONTAINER_FILE'),
      });
      for (const good of ['tarball/a.tar.xz', 'a.tar.zst', 'a.tar.gz', 'a.tar.bz2'])
        expect(blockOf({ file: good }, aContainer())).toBeUndefined();
    },
  );

  it('of an attribute that never makes one is known by its name, unless a file of it is named', () => {
    const attr = (last: string) => `nixosConfigurations.web.config.system.build.${last}`;
    for (const last of ['toplevel', 'isoImage', 'VMA', 'tarball']) {
      expect(blockOf({ attr: attr(last) })?.advice).toContain(`The attribute ${attr(last)} makes no image`);
    }
    expect(blockOf({ attr: attr('qcow2') }, aContainer())?.reason).toBe('images');
    expect(blockOf({ attr: attr('vm'), file: 'disk.qcow2' })).toBeUndefined();
    expect(blockOf({ attr: attr('image') })).toBeUndefined();
  });

  it('of a guest that keeps its root is not looked at', () => {
    const guest = aGuest({ image: { ...anImage(), file: 'nixos.iso' }, cores: 7 });
    expect(change({}, guest).blocked).toBeUndefined();
  });
});

describe('what is blocked', () => {
  it('blocks a wanted VMID that carries no proxnix tag, and says how to hand it over', () => {
    const found = change({ name: 'payroll', tags: ['prod'] });
    expect(found).toMatchObject({ action: 'conflict', vmid: 823 });
    expect(found.blocked).toEqual({
      reason: 'not-ours',
      advice:
        'VMID 823 is "payroll", which proxnix did not make. Give website another vm_id, or take it over with /proxnix adopt test-website.',
    });
  });

  it('blocks a wanted VMID of another fleet', () => {
    const found = change({ tags: ['fleet-lab', 'proxnix'] });
    expect(found.action).toBe('conflict');
    expect(found.blocked?.advice).toBe('VMID 823 is a guest of the fleet "lab". Give website another vm_id.');
  });

  it('blocks a wanted VMID that is a container, even one with our tags', () => {
    const plan = aPlan({}, [anUnreadContainer()]);
    expect(onlyChange(plan)).toMatchObject({ action: 'conflict' });
    expect(onlyChange(plan).blocked).toEqual({
      reason: 'kind',
      advice: 'VMID 823 is a container. Give website another vm_id.',
    });
  });

  it('blocks everything on a guest whose protection is on in Proxmox', () => {
    const guarded = { reason: 'protected', advice: expect.stringContaining('is protected in Proxmox.') };
    expect(change({ config: { protected: true, cores: 1 } }, aGuest({ protected: true })).blocked).toEqual(guarded);
    expect(change({ config: { protected: true } }).blocked?.advice).toBe(
      'VM 823 is protected in Proxmox. Turn it off there: `qm set 823 --protection 0`.',
    );
    expect(change({ config: { protected: true } }, aGuest({ image: anImage('b') })).blocked).toEqual(guarded);
  });

  it('blocks changes of a guest that the flake protects and Proxmox does not yet', () => {
    const found = change({ config: { protected: false, cores: 1 } }, aGuest({ protected: true }));
    expect(found.blocked).toEqual({
      reason: 'protected',
      advice: 'The flake says protected = true. Set it to false to let proxnix change VM 823.',
    });
  });

  it('finishes a protected guest that a run left unfinished', () => {
    const found = change(
      { tags: ['proxnix', 'proxnix-pending'], config: { protected: false } },
      aGuest({ protected: true }),
    );
    expect(found).toMatchObject({ action: 'replace' });
    expect(found.blocked).toBeUndefined();
  });

  it('does not destroy a protected guest that was removed from the flake', () => {
    const plan = aPlan({ guests: [] }, [aLiveGuest({ config: { protected: true } })]);
    expect(onlyChange(plan)).toMatchObject({ action: 'destroy', blocked: { reason: 'protected' } });
    expect(runnable(plan)).toEqual([]);
  });

  it.each([
    ['template', { template: true }, 'VM 823 is a template; proxnix does not touch templates.'],
    ['locked', { lock: 'backup' }, 'VM 823 is locked (backup). Plan again when that is over.'],
  ])('does not destroy a guest that is a %s', (reason, live, advice) => {
    expect(onlyChange(aPlan({ guests: [] }, [aLiveGuest(live)])).blocked).toEqual({ reason, advice });
  });

  const replaced = aGuest({ image: anImage('b') });
  const tagsAtWork = ['proxnix', 'proxnix-pending', `nix-${imageHash(anImage('a'))}`];
  const ran = [{ vmid: 823, uuid: aLiveGuest().config.uuid ?? '', ran: true as const }];

  it.each([
    ['error', 'VM 823 is in the HA state error, in which HA neither stops nor starts it.'],
    ['fence', 'HA is at work on VM 823 (fence). Plan again when that is over.'],
    ['request_stop', 'HA is at work on VM 823 (request_stop). Plan again when that is over.'],
    ['dreaming', 'VM 823 is in the HA state "dreaming", which proxnix does not know.'],
  ])('blocks what would stop or start a guest in the HA state %s, and says why', (haState, advice) => {
    const ha = { reason: 'ha', advice: expect.stringContaining(advice) };
    expect(change({ haState, config: { cores: 1 } }).blocked).toEqual(ha);
    expect(change({ haState }, replaced).blocked).toEqual(ha);
    expect(onlyChange(aPlan({ guests: [] }, [aLiveGuest({ haState })])).blocked).toEqual(ha);
    expect(change({ haState, config: { onboot: false } }).blocked).toBeUndefined();
    expect(change({ haState, status: 'stopped', config: { cores: 1 } }).blocked).toBeUndefined();
  });

  it('names the commands that bring a guest out of an error of HA', () => {
    expect(change({ haState: 'error' }, replaced).blocked?.advice).toContain(
      '`ha-manager set vm:823 --state disabled`',
    );
  });

  it.each(['started', 'enabled', 'request_start'])('changes a guest in the HA state %s as any other', (haState) => {
    expect(change({ haState }, replaced)).not.toHaveProperty('blocked');
    expect(change({ haState, status: 'stopped' }, replaced)).not.toHaveProperty('heldStopped');
    expect(onlyChange(aPlan({ guests: [] }, [aLiveGuest({ haState })]))).not.toHaveProperty('blocked');
  });

  it.each(['stopped', 'disabled'])(
    'does not start a guest that HA holds %s, unless a run of ours stopped it',
    (haState) => {
      const live = { haState, status: 'stopped' } as const;
      const held = aPlan({ guests: [replaced] }, [aLiveGuest(live)]);
      expect(onlyChange(held)).toMatchObject({ action: 'replace', heldStopped: true });
      expect(onlyChange(held)).not.toHaveProperty('blocked');
      expect(planSteps(held).map(({ kind }) => kind)).not.toContain('start');
      const ours = aPlan({ guests: [replaced], unfinished: ran }, [aLiveGuest({ ...live, tags: tagsAtWork })]);
      expect(onlyChange(ours)).not.toHaveProperty('heldStopped');
      if (haState === 'stopped') expect(planSteps(ours).map(({ kind }) => kind)).toContain('start');
      else expect(onlyChange(ours).blocked?.advice).toContain('`ha-manager set vm:823 --state started`');
    },
  );

  it('makes another digest when HA holds a guest stopped that the plan would start', () => {
    const plan = (haState: string) => aPlan({ guests: [replaced] }, [aLiveGuest({ haState, status: 'stopped' })]);
    expect(plan('stopped').digest).not.toBe(plan('started').digest);
    expect(plan('stopped').digest).toBe(plan('disabled').digest);
  });

  it('blocks what would stop and start a VM that stands still, and says how to let it go on', () => {
    const live = { paused: 'io-error' };
    const paused = {
      reason: 'paused',
      advice:
        'VM 823 is paused (io-error), so it is not restarted. Resume it (`qm resume 823` on pve1; make room on its storage first where that is full), then plan again.',
    };
    expect(change({ ...live, config: { cores: 1 } }).blocked).toEqual(paused);
    expect(change(live, aGuest({ image: anImage('b') })).blocked).toEqual(paused);
    expect(change({ ...live, config: { onboot: false } }).blocked).toBeUndefined();
    expect(onlyChange(aPlan({ guests: [] }, [aLiveGuest(live)])).blocked).toBeUndefined();
  });

  it('does not take a template of ours for a guest', () => {
    expect(change({ template: true }).blocked).toEqual({
      reason: 'template',
      advice: 'VMID 823 is a template; proxnix does not change templates.',
    });
  });

  it('does not take a guest on a node that is down for gone, whether it is wanted or not', () => {
    const unread = anUnreadGuest({ node: 'pve2', status: 'unknown' });
    const advice = 'The configuration of VM 823 on node pve2 cannot be read. Is the node down?';
    expect(onlyChange(aPlan({}, [unread]))).toMatchObject({
      action: 'conflict',
      blocked: { reason: 'unreachable', advice },
    });
    expect(onlyChange(aPlan({ guests: [] }, [unread]))).toMatchObject({
      action: 'destroy',
      blocked: { reason: 'unreachable', advice },
    });
  });

  it('blocks changes of a guest that lives on another node than the flake says', () => {
    const found = change({ node: 'pve1', config: { cores: 1 } }, aGuest({ node: 'pve2' }));
    expect(found.blocked).toEqual({
      reason: 'node',
      advice: 'It lives on pve1. Migrate it to pve2 in Proxmox, or change node.',
    });
  });

  it('says so when nothing but the node differs', () => {
    const found = change({}, aGuest({ node: 'pve2' }));
    expect(changeSummary(found)).toBe('node pve1 -> pve2');
    expect(found.blocked?.reason).toBe('node');
  });

  it('blocks a guest whose root disk is not where the flake says, whatever else it wants', () => {
    const advice =
      'There is no disk at virtio0 (its disks: scsi0). Attach the root disk there in Proxmox, or correct disk_slot.';
    expect(change({}, aGuest({ diskSlot: 'virtio0' })).blocked).toEqual({ reason: 'disk', advice });
    expect(change({}, aGuest({ diskSlot: 'virtio0', image: anImage('b') })).blocked).toEqual({
      reason: 'disk',
      advice,
    });
    expect(change({ config: { disks: {} } }).blocked?.advice).toContain('(its disks: none)');
  });

  it('takes no other disk of a VM for its root: its data would be replaced with the image', () => {
    const disk = (number: number) => ({
      volid: `local-lvm:vm-823-disk-${number}`,
      storage: 'local-lvm',
      sizeMb: 32 * 1024,
    });
    const config = { disks: { scsi0: disk(0), scsi1: disk(1) }, boot: ['net0', 'scsi0'] };
    const advice =
      'VM 823 boots from scsi0, and the disk at scsi1 is another one: it would be replaced with its data. Set disk_slot = "scsi0", or put scsi1 into the boot order in Proxmox.';
    for (const wanted of [aGuest({ diskSlot: 'scsi1' }), aGuest({ diskSlot: 'scsi1', image: anImage('b') })]) {
      expect(change({ config }, wanted).blocked).toEqual({ reason: 'disk', advice });
    }
    const second = aGuest({ diskSlot: 'scsi1', image: anImage('b') });
    expect(change({ config: { ...config, boot: ['scsi0', 'scsi1'] } }, second).blocked).toBeUndefined();
    expect(change({ config: { ...config, boot: ['net0'] } }, second).blocked).toBeUndefined();
  });

  it('blocks a guest without a root disk also when a run was cut off while it updated it', () => {
    const live = { tags: [...aLiveGuest().tags, 'proxnix-pending'], config: { disks: {}, cores: 1 } };
    expect(change(live)).toMatchObject({ action: 'update', blocked: { reason: 'disk' } });
  });

  it('keeps a VM that was given another vm_id until the new one can be made', () => {
    const plan = aPlan({ guests: [aGuest({ vmid: 824, storage: 'ceph' })] }, [aLiveGuest()]);
    expect(plan.changes.map((one) => [one.action, one.blocked?.reason])).toEqual([
      ['destroy', 'successor'],
      ['create', 'storage'],
    ]);
    expect(plan.changes[0]?.blocked?.advice).toBe('Kept, because its replacement (VMID 824) is blocked.');
  });

  it('takes a guest without a fleet over only by VMID and name, where there are several fleets', () => {
    const goal = { fleetTag: 'homelab' };
    expect(onlyChange(aPlan(goal, [aLiveGuest()]))).toMatchObject({ action: 'update' });
    const other = onlyChange(aPlan(goal, [aLiveGuest({ name: 'other' })]));
    expect(other).toMatchObject({ action: 'conflict', blocked: { reason: 'not-ours' } });
    expect(other.blocked?.advice).toBe(
      'VMID 823 is "other", a guest of no fleet. Take it over with /proxnix adopt test-website.',
    );
  });

  it('takes a guest that was cut off before it got its tags for ours, until it has a disk', () => {
    const mark = { tags: [], status: 'stopped', name: 'test-website' } as const;
    const description = creationMarker(823);
    expect(change({ ...mark, config: { description, disks: {} } })).toMatchObject({
      action: 'replace',
      incomplete: true,
    });
    expect(change({ ...mark, config: { description } })).toMatchObject({ action: 'conflict' });
    expect(change({ ...mark, config: { description: creationMarker(824), disks: {} } })).toMatchObject({
      action: 'conflict',
    });
  });

  it('leaves the staging guest of another fleet alone, and cleans up what its own or its coming guests left', () => {
    const tags = ['proxnix', 'proxnix-pending'];
    const staging = aLiveGuest(
      { tags, config: { description: stagingMarker(823) } },
      aGuest({ vmid: 900_000_823, name: 's' }),
    );
    const actions = (...owner: readonly Parameters<typeof aLiveGuest>[0][]) =>
      aPlan({ fleetTag: 'homelab' }, [...owner.map((live) => aLiveGuest(live)), staging]).changes.map(
        (one) => one.action,
      );
    expect(actions({ tags: ['fleet-lab', 'proxnix'] })).toEqual(['conflict']);
    expect(actions({ tags: ['fleet-homelab', ...aLiveGuest().tags] })).toEqual(['clean-up']);
    expect(actions({})).toEqual(['update', 'clean-up']);
    expect(actions()).toEqual(['create', 'clean-up']);
  });

  it('does not take a guest for a staging guest only for its description', () => {
    const plan = aPlan({ guests: [] }, [aLiveGuest({ config: { description: stagingMarker(820) } })]);
    expect(onlyChange(plan)).toMatchObject({ action: 'destroy' });
  });

  describe('where images cannot be brought to the node', () => {
    const vm =
      'The storage local does not take images of VMs (content import). Allow it: pvesm set local --content iso,import';
    const nodes = [aNode({ imageProblems: { vm } }), aNode({ node: 'pve2', freeMemory: 1 * gib })];
    const other = aGuest({ vmid: 824, name: 'other', node: 'pve1', image: anImage('b') });

    it('blocks what needs one, with what is wrong and what to do', () => {
      const goal = aGoal({ guests: [aGuest({ image: anImage('b') }), other] });
      const { changes } = createPlan(goal, aState([aLiveGuest()], nodes));
      expect(changes.map(({ action, node, blocked }) => [action, node, blocked])).toEqual([
        ['replace', 'pve1', { reason: 'images', advice: vm }],
        ['create', 'pve1', { reason: 'images', advice: vm }],
      ]);
      const plan = createPlan(goal, aState([aLiveGuest()], nodes));
      expect(planSteps(plan)).toEqual([]);
      expect(guestLines(planTable(plan)).flat().map(lineText)).toEqual([
        '!   test-website (823)  replace, blocked',
        '      image aaaaaaaa -> bbbbbbbb,',
        '      old root disk (20 GiB on local-lvm) is kept',
        '      The storage local does not take images of VMs (content',
        '      import). Allow it: pvesm set local --content',
        '      iso,import',
        '!   other        (824)  create, blocked  build-qcow2-website',
        '      image none -> bbbbbbbb, 2 cores, 2048 MiB,',
        '      20 GiB on local-lvm, on pve1',
        '      The storage local does not take images of VMs (content',
        '      import). Allow it: pvesm set local --content',
        '      iso,import',
      ]);
    });

    it('blocks nothing that needs none, and nothing elsewhere', () => {
      const changed = aGuest({ cores: 4 });
      const plan = createPlan(
        aGoal({ guests: [changed, aGuest({ vmid: 824, image: anImage('b') }), aGuest({ vmid: 825 })] }),
        aState([aLiveGuest(), aLiveGuest({ node: 'pve2' }, aGuest({ vmid: 824 }))], nodes),
      );
      expect(plan.changes.map(({ action, node, blocked }) => [action, node, blocked])).toEqual([
        ['update', 'pve1', undefined],
        ['replace', 'pve2', undefined],
        ['create', 'pve2', undefined],
      ]);
    });

    it('is a matter of each kind of guest by itself', () => {
      const container = { container: 'no templates' };
      const plan = createPlan(aGoal(), aState([], [aNode({ imageProblems: container })]));
      expect(onlyChange(plan).blocked).toBeUndefined();
    });
  });

  it('cleans up a staging guest on the node it was left on, also while its owner is replaced on another', () => {
    const staging = aLiveGuest(
      { tags: ['proxnix', 'proxnix-pending'], config: { description: stagingMarker(823) } },
      aGuest({ vmid: 900_000_823, name: 'staging' }),
    );
    const goal = aGoal({ guests: [aGuest({ image: anImage('b') })] });
    const actions = (node: string) =>
      createPlan(goal, aState([aLiveGuest({ node }), staging], [aNode(), aNode({ node: 'pve2' })])).changes.map(
        (one) => `${one.action} ${one.vmid} on ${one.node}`,
      );
    expect(actions('pve1')).toEqual(['replace 823 on pve1']);
    expect(actions('pve2')).toEqual(['replace 823 on pve2', 'clean-up 900000823 on pve1']);
  });

  it('blocks a create that has no place, and says why', () => {
    const plan = aPlan({ guests: [aGuest({ storage: 'ceph' })] });
    expect(onlyChange(plan)).toMatchObject({ action: 'create', node: '' });
    expect(onlyChange(plan).blocked?.advice).toMatch(/^No node that is online has a storage "ceph"\. /);
  });
});
