import { describe, expect, it } from 'vitest';
import {
  holds,
  readProperty,
  readSize,
  toMib,
  writeProperty,
  writeSize,
} from '../../../src/cluster/proxmox/property.ts';

describe('property strings', () => {
  it('keep every sub-key when one is replaced', () => {
    const net = readProperty('virtio=BC:24:11:8B:87:74,bridge=vmbr0,firewall=1', 'model');
    const moved = writeProperty(new Map([...net, ['bridge', 'vmbr1']]), 'model');
    expect(moved).toBe('virtio=BC:24:11:8B:87:74,bridge=vmbr1,firewall=1');
  });

  it('read the part without a name under the default key and write it without one', () => {
    const drive = readProperty('fast:100/vm-100-disk-0.qcow2,discard=on,size=2G', 'file');
    expect(drive.get('file')).toBe('fast:100/vm-100-disk-0.qcow2');
    expect(writeProperty(drive, 'file')).toBe('fast:100/vm-100-disk-0.qcow2,discard=on,size=2G');
  });

  it('read the blank that Proxmox stores for "no boot device" as nothing', () => {
    expect(readProperty(' ', 'legacy').size).toBe(0);
  });

  it('hold what was sent although the server sorts them and adds its own', () => {
    expect(holds('fast:1/vm-1-disk-0.qcow2,discard=on,iothread=1,size=2G', 'fast:1/vm-1-disk-0.qcow2,iothread=1')).toBe(
      true,
    );
    expect(holds('fast:1/vm-1-disk-0.qcow2,size=2G', 'fast:1/vm-1-disk-0.qcow2')).toBe(true);
    expect(holds('fast:1/vm-1-disk-0.qcow2,size=2G', 'fast:1/vm-1-disk-1.qcow2')).toBe(false);
    expect(holds('virtio=BC:24:11:8B:87:74,bridge=vmbr0', 'virtio=BC:24:11:8B:87:74,bridge=vmbr1')).toBe(false);
  });
});

it.each([
  ['64M', 64 * 2 ** 20],
  ['528K', 528 * 2 ** 10],
  ['3000M', 3000 * 2 ** 20],
  ['1G', 2 ** 30],
  ['2T', 2 ** 41],
  ['1.5G', 1.5 * 2 ** 30],
  ['4096', 4096],
])('the size %s is %d bytes', (text, bytes) => {
  expect(readSize(text)).toBe(bytes);
});

it.each(['', 'big', '1P', '-1G', '1G,x'])('%j is no size', (text) => {
  expect(readSize(text)).toBeUndefined();
});

it('MiB are rounded up: a disk that is a little too large is too large', () => {
  expect(toMib(2 ** 30 + 1)).toBe(1025);
});

it.each([
  [3072 * 2 ** 20, '3G'],
  [3000 * 2 ** 20, '3000M'],
  [528 * 2 ** 10, '528K'],
  [2 ** 41, '2T'],
  [4097, '4097'],
])('%d bytes are written as Proxmox does, %s', (bytes, text) => {
  expect(writeSize(bytes)).toBe(text);
  expect(readSize(text)).toBe(bytes);
});
