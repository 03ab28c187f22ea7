import { expect, it } from 'vitest';
import { describeVolume, volumesOf } from '../../src/core/volumes.ts';
import { plainText } from '../../src/views/card.ts';
import { confirmForm } from '../../src/views/forms.ts';
import { planText } from '../../src/views/plan-text.ts';
import { aContainer, aGuest, aLiveContainer, aLiveGuest, aPlan, aRun } from '../support/builders.ts';

const data = { at: 'scsi1', sizeGb: 10, storage: 'ceph' };
const live = aLiveGuest(
  {
    config: {
      unused: { unused0: 'fast:vm-823-disk-7', unused10: 'nfs:vm-823-disk-9', unused2: 'fast:vm-823-disk-8' },
      unusedMb: { 'fast:vm-823-disk-7': 512, 'nfs:vm-823-disk-9': 2560 },
    },
  },
  aGuest({ bios: 'ovmf', tpm: true, disks: { a: data, b: { ...data, at: 'scsi10' } } }),
);
const all = [
  'scsi0 20 GiB on local-lvm',
  'scsi1 10 GiB on ceph',
  'scsi10 10 GiB on ceph',
  'EFI disk 1 MiB on local-lvm',
  'TPM state 4 MiB on local-lvm',
  'unused0 512 MiB on fast',
  'unused2 of unknown size on fast',
  'unused10 2.5 GiB on nfs',
];

it('every volume of a guest is told with its size, without folders of its node', () => {
  expect(volumesOf(live).map(describeVolume)).toEqual(all);
  const container = aLiveContainer({}, aContainer({ mounts: { data: { ...data, at: '/data' } } }));
  const mp1 = { volid: '/srv', storage: '/srv', path: '/srv' };
  const bound = { ...container, config: { ...container.config, disks: { ...container.config.disks, mp1 } } };
  expect(volumesOf(bound).map(describeVolume)).toEqual(['rootfs 4 GiB on local-lvm', 'mp0 (/data) 10 GiB on ceph']);
});

it('one that the guest has not let go yet goes with it as well', () => {
  const leaving = { scsi5: { volid: 'fast:vm-823-disk-5', storage: 'fast', sizeMb: 1024 } };
  expect(volumesOf(aLiveGuest({ config: { leaving } })).map(describeVolume)).toContain('scsi5 1 GiB on fast');
});

it('the plan and the form of a destroy list each of them', () => {
  const plan = aPlan({ guests: [] }, [live]);
  const text = planText(plan).replaceAll(/\s+/g, ' ');
  const form = plainText(confirmForm(aRun('planned', plan), 'test-website').text);
  for (const volume of all) {
    expect(text).toContain(volume);
    expect(form).toContain(volume);
  }
});

it('the form of several destroys names their guests, and is cut where there are many disks', () => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`unused${index}`, `fast:disk-${index}`]));
  const second = aLiveGuest({ config: { unused: many } }, aGuest({ vmid: 824, name: 'other' }));
  const form = plainText(confirmForm(aRun('planned', aPlan({ guests: [] }, [live, second])), 'x').text);
  expect(form).toContain(' test-website (823): scsi0 20 GiB on local-lvm, scsi1');
  expect(form).toContain(' other (824): scsi0 20 GiB on local-lvm, unused0');
  expect(form).toContain('and 11 more, which the card names.');
});
