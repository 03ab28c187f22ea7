import { expect, it } from 'vitest';
import { isStored } from '../../../src/cluster/proxmox/stored.ts';

const config = (values: Record<string, string>, pending: readonly string[] = []) => ({
  guestKind: 'vm' as const,
  ...{ digest: 'd', values, current: values, pending },
});

it.each([
  [{ tags: 'proxnix;B' }, { tags: 'b;proxnix' }],
  [{ onboot: true }, { onboot: '1' }],
  [{ memory: 2048 }, { memory: '2048' }],
  [{ description: undefined }, {}],
  [{ description: 'a, b = c' }, { description: 'a, b = c\n' }],
  [{ ide2: 'fast:cloudinit' }, { ide2: 'fast:100/vm-100-cloudinit.qcow2,media=cdrom' }],
  [{ scsi0: 'fast:1/vm-1-disk-1.qcow2' }, { scsi0: 'fast:1/vm-1-disk-1.qcow2,size=2G' }],
  [{ rootfs: 'fast:1/vm-1-disk-1.raw,size=2G' }, { rootfs: 'fast:1/vm-1-disk-1.raw,replicate=0,size=2G' }],
  [{ mp0: 'fast:1/vm-1-disk-0.raw,mp=/x' }, { mp0: 'fast:1/vm-1-disk-0.raw,mp=/x,size=2G' }],
])('%j is found again in what the server stored', (sent, stored) => {
  expect(isStored(config(stored), sent)).toBe(true);
});

it.each([
  [{ tags: 'proxnix' }, { tags: 'proxnix;proxnix-pending' }],
  [{ onboot: true }, {}],
  [{ description: 'a' }, { description: 'a,b' }],
  [{ description: undefined }, { description: 'x' }],
  [{ ide2: 'fast:cloudinit' }, { ide2: 'slow:100/vm-100-cloudinit.qcow2,media=cdrom' }],
  [{ scsi0: 'fast:1/vm-1-disk-1.qcow2,ssd=1' }, { scsi0: 'fast:1/vm-1-disk-1.qcow2,size=2G' }],
  [{ rootfs: 'fast:1/vm-1-disk-1.raw,size=2G' }, { rootfs: 'fast:1/vm-1-disk-0.raw,size=2G' }],
])('%j is not taken for stored when something else is', (sent, stored) => {
  expect(isStored(config(stored), sent)).toBe(false);
});

it('a value that was taken back is one that does not wait any more', () => {
  expect(isStored(config({}, ['memory']), { revert: 'rootfs,unused0' })).toBe(true);
  expect(isStored(config({}, ['unused0']), { revert: 'rootfs,unused0' })).toBe(false);
});
