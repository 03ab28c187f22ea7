import { describe, expect, it } from 'vitest';
import {
  attachedKey,
  freeUnusedKey,
  isCreateInterrupted,
  isOwnVolume,
  nextAttachKey,
} from '../../../src/cluster/proxmox/markers.ts';

describe('the keys of disks that are handed over', () => {
  it('are not those that Proxmox gives to old disks', () => {
    expect(nextAttachKey({ unused0: 'old', scsi0: 'x' })).toBe('unused200');
    expect(attachedKey({ unused0: 'old' })).toBeUndefined();
  });

  it('tell the newest apart from one that an interrupted run left', () => {
    const values = { unused200: 'left', unused3: 'old' };
    expect(nextAttachKey(values)).toBe('unused201');
    expect(attachedKey({ ...values, unused201: 'new' })).toBe('unused201');
  });

  it('end where Proxmox ends', () => {
    expect(nextAttachKey({ unused255: 'x' })).toBeUndefined();
  });

  it('leave those below them to disks that are taken out', () => {
    const free = (values: Record<string, string>, current = values, pending: readonly string[] = []) =>
      freeUnusedKey({ values, current, pending });
    expect(free({ unused0: 'x', unused200: 'new' })).toBe('unused1');
    const full = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`unused${index}`, 'x']));
    expect(free(full)).toBeUndefined();
    // Proxmox gives the first keys to the mounts that the restart takes out.
    expect(free({ unused0: 'x' }, { unused0: 'x', mp0: 'a', mp1: 'b' }, ['mp0', 'mp1'])).toBe('unused3');
    expect(free({ mp0: 'c' }, { mp0: 'a' }, ['mp0'])).toBe('unused0');
  });
});

it.each([
  ['fast:823/vm-823-disk-0.raw', true],
  ['local-lvm:vm-823-disk-0', true],
  ['zfs:subvol-823-disk-1', true],
  ['fast:9000/base-9000-disk-0.qcow2/823/vm-823-disk-0.qcow2', true],
  ['fast:824/vm-824-disk-0.raw', false],
  ['fast:823/vm-8231-disk-0.raw', false],
  ['fast:823/base-823-disk-0.raw/824/vm-824-disk-0.raw', false],
  ['/srv/vm-823-disk-0/x', false],
])('%s is a volume of the guest 823: %s', (volid, own) => {
  expect(isOwnVolume(823, volid)).toBe(own);
});

it('a guest with tags or a disk is not one whose creation was cut off, whatever its description', () => {
  const values = { description: 'proxnix makes guest 820\n' };
  const isIt = (vmid: number, more: Record<string, string> = {}) =>
    isCreateInterrupted(vmid, {
      guestKind: 'vm',
      digest: '',
      values: { ...values, ...more },
      current: {},
      pending: [],
    });
  expect(isIt(820)).toBe(true);
  expect(isIt(821)).toBe(false);
  expect(isIt(820, { tags: 'prod' })).toBe(false);
  expect(isIt(820, { scsi0: 'fast:820/vm-820-disk-0.qcow2' })).toBe(false);
  expect(isIt(820, { unused0: 'fast:820/vm-820-disk-0.qcow2' })).toBe(false);
});

it('a container may have its root and nothing else', () => {
  const values = { description: 'proxnix makes guest 820\n', rootfs: 'fast:820/vm-820-disk-0.raw,size=2G' };
  const isIt = (more: Record<string, string> = {}) =>
    isCreateInterrupted(820, {
      guestKind: 'container',
      digest: '',
      values: { ...values, ...more },
      current: {},
      pending: [],
    });
  expect(isIt()).toBe(true);
  expect(isIt({ mp0: '/srv,mp=/srv' })).toBe(false);
  expect(isIt({ unused0: 'fast:820/vm-820-disk-1.raw' })).toBe(false);
  expect(isIt({ tags: 'prod' })).toBe(false);
});
