import { describe, expect, it } from 'vitest';
import { diffGuest } from '../../src/core/diff.ts';
import type { DesiredVm } from '../../src/core/guest.ts';
import type { KnownGuest, LiveVmConfig } from '../../src/core/live.ts';
import { createPlan } from '../../src/core/plan.ts';
import { planSteps } from '../../src/core/steps.ts';
import { planCard } from '../../src/views/plan-card.ts';
import { textOf } from '../pipeline/support/card-text.ts';
import { present } from '../pipeline/support/fleet.ts';
import { aContext, aGoal, aGuest, aLiveGuest, aNode, anImage, aRun, aState } from '../support/builders.ts';

const node = aNode({ storages: ['local-lvm', 'ceph'] });
const uefi = (change: Partial<DesiredVm> = {}) => aGuest({ bios: 'ovmf', tpm: true, ...change });

function said(wanted: DesiredVm, live: KnownGuest) {
  return [...diffGuest(wanted, live)].map(
    ({ field, of, from, to, restart }) =>
      `${field}${of === undefined ? '' : ` ${of}`} ${from} -> ${to}${restart ? ' (restart)' : ''}`,
  );
}

function planOf(wanted: DesiredVm, ...live: readonly KnownGuest[]) {
  return createPlan(aGoal({ guests: [wanted] }), aState(live, [node]));
}

function stepsOf(wanted: DesiredVm, live: KnownGuest) {
  return planSteps(planOf(wanted, live)).map(({ kind }) => kind);
}

describe('the firmware of a VM', () => {
  const plain = { bios: 'seabios', machine: 'pc', tpm: false };

  it('is not managed where the flake says nothing of it', () => {
    expect(said(aGuest(), aLiveGuest({ config: { bios: 'ovmf', machine: 'q35', tpm: true } }))).toEqual([]);
  });

  it('brings its disks with a restart', () => {
    expect(said(uefi({ machine: 'q35' }), aLiveGuest({ config: plain }))).toEqual([
      'machine pc -> q35 (restart)',
      'bios seabios -> ovmf (restart)',
      'tpm no -> yes (restart)',
      'efi-disk none -> on local-lvm (restart)',
    ]);
    expect(said(uefi(), aLiveGuest({ config: { bios: 'ovmf', tpm: true, firmware: {} } }, uefi()))).toEqual([
      'efi-disk none -> on local-lvm (restart)',
    ]);
    expect(said(uefi(), aLiveGuest({}, uefi()))).toEqual([]);
  });

  it('goes with the root to another storage before it, and the VM is started again after a TPM', () => {
    const live = aLiveGuest({}, uefi());
    expect(said(uefi({ storage: 'ceph' }), live)).toEqual([
      'storage local-lvm -> ceph',
      'tpm storage local-lvm -> ceph (restart)',
      'efi-disk local-lvm -> ceph',
    ]);
    expect(stepsOf(uefi({ storage: 'ceph' }), live)).toEqual(
      'configure move-firmware move-disk restart start health finish'.split(' '),
    );
    const onlyEfi = aGuest({ bios: 'ovmf' });
    expect(stepsOf({ ...onlyEfi, storage: 'ceph' }, aLiveGuest({}, onlyEfi))).toEqual(
      'configure move-firmware move-disk finish'.split(' '),
    );
    expect(stepsOf(uefi({ storage: 'ceph', image: anImage('b') }), live)).toEqual(
      'build upload prepare attach configure move-firmware swap restart start health finish'.split(' '),
    );
  });

  it('is left alone where the flake ignores it', () => {
    const ignore = ['bios', 'tpm'];
    expect(said(uefi({ ignore }), aLiveGuest({ config: plain }))).toEqual([]);
    const [step] = planSteps(planOf(uefi({ ignore, tpm: false, cores: 3 }), aLiveGuest({}, uefi())));
    expect(step).toMatchObject({ kind: 'configure', guest: { cores: 3 } });
    expect(present(step && 'guest' in step ? step.guest : undefined)).not.toHaveProperty('tpm');
  });

  it('that the flake does not name goes along, and stays where a person put it elsewhere', () => {
    const unmanaged = aLiveGuest({}, uefi());
    expect(said(aGuest({ storage: 'ceph' }), unmanaged)).toContain('efi-disk local-lvm -> ceph');
    const firmware = { efi: { volid: 'nfs:vm-823-disk-9', storage: 'nfs' } };
    expect(said(aGuest({ storage: 'ceph' }), aLiveGuest({ config: { firmware } }))).toEqual([
      'storage local-lvm -> ceph',
    ]);
    // A TPM that goes is not moved before.
    expect(said(uefi({ storage: 'ceph', tpm: false }), unmanaged)).not.toContain(
      'tpm storage local-lvm -> ceph (restart)',
    );
  });
});

describe('an image that boots by one firmware only', () => {
  const wants = (firmware: 'uefi' | 'bios', change: Partial<DesiredVm> = {}) =>
    aGuest({ image: { ...anImage('b'), firmware }, ...change });
  const advice = (wanted: DesiredVm) => planOf(wanted).changes[0]?.blocked;

  it('blocks a new VM that could not start it, with the line to add', () => {
    expect(advice(wants('uefi'))).toEqual({
      reason: 'firmware',
      advice:
        'The image build-qcow2-website boots by UEFI only, and VM 823 has SeaBIOS: it would not start. Add `bios = "ovmf";` to website in the flake.',
    });
    expect(advice(wants('bios', { bios: 'ovmf' }))?.advice).toContain('Set `bios = "seabios";` in website');
    for (const fine of [wants('uefi', { bios: 'ovmf' }), wants('bios'), aGuest({ image: anImage('b') })]) {
      expect(advice(fine)).toBeUndefined();
    }
  });

  it.each<[string, DesiredVm, Partial<LiveVmConfig>, boolean]>([
    ['SeaBIOS', wants('uefi'), { bios: 'seabios' }, true],
    ['the default firmware', wants('uefi'), {}, true],
    ['OVMF', wants('uefi'), { bios: 'ovmf' }, false],
    ['OVMF from now on', wants('uefi', { bios: 'ovmf' }), { bios: 'seabios' }, false],
    [
      'OVMF in the flake, which ignores it',
      wants('uefi', { bios: 'ovmf', ignore: ['bios'] }),
      { bios: 'seabios' },
      true,
    ],
    ['OVMF, and the image is for BIOS', wants('bios'), { bios: 'ovmf' }, true],
  ])('warns on the card of a VM with %s where it does not fit, and does not block it', (_, wanted, config, warns) => {
    const plan = planOf(wanted, aLiveGuest({ config }));
    expect(plan.changes[0]).toMatchObject({ action: 'replace' });
    expect(plan.changes[0]?.blocked).toBeUndefined();
    expect(textOf(planCard(aRun('planned', plan), aContext())).includes('it would not start')).toBe(warns);
  });
});

describe('the boot order', () => {
  it('has the root first, and what a person added behind it', () => {
    expect(said(aGuest(), aLiveGuest({ config: { boot: ['scsi0', 'net0'] } }))).toEqual([]);
    expect(said(aGuest(), aLiveGuest({ config: { boot: ['net0', 'scsi0', 'ide2'] } }))).toEqual([
      'boot net0 scsi0 ide2 -> scsi0 net0 ide2',
    ]);
    expect(said(aGuest(), aLiveGuest({ config: { boot: [] } }))).toEqual(['boot none -> scsi0']);
  });

  it('needs no restart: it counts at the next one', () => {
    expect(stepsOf(aGuest(), aLiveGuest({ config: { boot: ['net0', 'scsi0'] } }))).toEqual(['configure', 'finish']);
  });
});
