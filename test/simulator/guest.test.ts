import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, newGuest, normaliseTags } from '../../src/simulator/guest.ts';

const CARD = 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:02:C8,ip=10.99.0.50/24,type=veth';
const container = () =>
  newGuest('lxc', 200, 'pve1', {
    ...{
      arch: 'amd64',
      cores: 1,
      features: 'nesting=1',
      hostname: 'ct200',
      memory: 64,
      net0: CARD,
      ostype: 'unmanaged',
    },
    ...{
      rootfs: 'fast:200/vm-200-disk-0.raw,size=1G',
      swap: 0,
      unprivileged: 1,
      unused0: 'fast:200/vm-200-disk-1.raw',
    },
  });

describe('the digest', () => {
  it('is the recorded one for a recorded configuration', () => {
    expect(digestOf(newGuest('qemu', 500, 'pve1', { lock: 'create' }))).toBe(
      'a7e9f8c42935261b36fcd1d7d6cd8cd41648da49',
    );
    expect(digestOf(container())).toBe('3eef5c37f4181aa345deb3be649f03869029bf73');
  });

  it('is the recorded one with a pending change', () => {
    const guest = container();
    guest.pending = { unused1: 'fast:200/vm-200-disk-0.raw', rootfs: 'fast:200/vm-200-disk-1.raw,size=2G' };
    expect(digestOf(guest)).toBe('e4165432cda42cd4b8282842ce6e02784637ac3d');
  });
});

describe('tags', () => {
  it('are stored in lower case, sorted, without doubles', () => {
    expect(normaliseTags('x;y;x;Z')).toBe('x;y;z');
    expect(normaliseTags('ok;with space UPPER,comma')).toBe('comma;ok;space;upper;with');
  });

  it('keep their case where the datacenter says so', () => {
    expect(normaliseTags('b;A', 'case-sensitive=1')).toBe('A;b');
    expect(normaliseTags('b;A', 'case-sensitive=1,ordering=config')).toBe('b;A');
    expect(normaliseTags('b;A;a', 'ordering=config')).toBe('b;a');
  });

  it('are one space when there is none', () => {
    expect(normaliseTags(';;;')).toBe(' ');
  });

  it('stay as they are the second time', () => {
    fc.assert(fc.property(fc.string(), (text) => normaliseTags(normaliseTags(text)) === normaliseTags(text)));
  });
});
