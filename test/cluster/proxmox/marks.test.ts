import { describe, expect, it } from 'vitest';
import { handedOverKey, isCutOff, nextHandOverKey } from '../../../src/cluster/proxmox/marks.ts';

describe('the keys of disks that are handed over', () => {
  it('are not those that Proxmox gives to old disks', () => {
    expect(nextHandOverKey({ unused0: 'old', scsi0: 'x' })).toBe('unused200');
    expect(handedOverKey({ unused0: 'old' })).toBeUndefined();
  });

  it('tell the newest apart from one that an interrupted run left', () => {
    const values = { unused200: 'left', unused3: 'old' };
    expect(nextHandOverKey(values)).toBe('unused201');
    expect(handedOverKey({ ...values, unused201: 'new' })).toBe('unused201');
  });

  it('end where Proxmox ends', () => {
    expect(nextHandOverKey({ unused255: 'x' })).toBeUndefined();
  });
});

it('a guest with tags or a disk is not one whose creation was cut off, whatever its description', () => {
  const values = { description: 'proxnix makes guest 820\n' };
  const isIt = (vmid: number, more: Record<string, string> = {}) =>
    isCutOff(vmid, { guestKind: 'vm', digest: '', values: { ...values, ...more }, current: {}, pending: [] });
  expect(isIt(820)).toBe(true);
  expect(isIt(821)).toBe(false);
  expect(isIt(820, { tags: 'prod' })).toBe(false);
  expect(isIt(820, { scsi0: 'fast:820/vm-820-disk-0.qcow2' })).toBe(false);
  expect(isIt(820, { unused0: 'fast:820/vm-820-disk-0.qcow2' })).toBe(false);
});
