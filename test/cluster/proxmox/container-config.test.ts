import { describe, expect, it } from 'vitest';
import { identityOf, toConfig } from '../../../src/cluster/proxmox/config.ts';
import { toContainerConfig } from '../../../src/cluster/proxmox/container-config.ts';
import { Pending } from '../../../src/cluster/proxmox/schema.ts';

const read = (entries: unknown) => toConfig('container', Pending.parse(entries));
const pairs = (values: Record<string, string | number>) =>
  read(Object.entries(values).map(([key, value]) => ({ key, value })));

describe('the configuration of a container as PVE 9.2 tells it', () => {
  // A root that waits for its restart, as recorded: the new one is listed as unused until then.
  const config = read([
    { key: 'unused0', value: 'fast:200/vm-200-disk-1.raw' },
    { key: 'unused1', pending: 'fast:200/vm-200-disk-0.raw' },
    { key: 'digest', value: 'e4165432cda42cd4b8282842ce6e02784637ac3d' },
    { key: 'swap', value: 0 },
    { key: 'features', value: 'nesting=1,keyctl=1,fuse=0', pending: 'nesting=1,fuse=0' },
    { key: 'ostype', value: 'unmanaged' },
    {
      key: 'net0',
      value: 'name=eth0,bridge=vmbr0,gw=10.99.0.1,hwaddr=BC:24:11:00:02:C8,ip=10.99.0.50/24,type=veth',
    },
    { key: 'hostname', value: 'ct200' },
    { key: 'description', value: 'the website\n' },
    { key: 'memory', value: 64 },
    { key: 'cores', value: 1 },
    { key: 'onboot', value: 1 },
    { key: 'unprivileged', value: 1 },
    { key: 'rootfs', value: 'fast:200/vm-200-disk-0.raw,size=1G', pending: 'fast:200/vm-200-disk-1.raw,size=2G' },
    { key: 'mp1', value: 'slow:subvol-200-disk-3,mp=/data,size=8G' },
  ]);

  it('is told with what is pending, without the line feed that Proxmox adds', () => {
    expect(toContainerConfig(config)).toEqual({
      digest: 'e4165432cda42cd4b8282842ce6e02784637ac3d',
      uuid: 'BC:24:11:00:02:C8',
      cores: 1,
      memoryMb: 64,
      swapMb: 0,
      onboot: true,
      protected: false,
      description: 'the website',
      bridge: 'vmbr0',
      ip: '10.99.0.50/24',
      gateway: '10.99.0.1',
      unprivileged: true,
      features: ['nesting'],
      disks: {
        rootfs: { volid: 'fast:200/vm-200-disk-1.raw', storage: 'fast', sizeMb: 2048 },
        mp1: { volid: 'slow:subvol-200-disk-3', storage: 'slow', sizeMb: 8192 },
      },
      unused: { unused1: 'fast:200/vm-200-disk-0.raw' },
      pending: ['features', 'rootfs', 'unused1'],
    });
  });

  it('keeps apart what it is while the container goes on running', () => {
    expect(config.current['rootfs']).toBe('fast:200/vm-200-disk-0.raw,size=1G');
    expect(config.current['unused1']).toBeUndefined();
  });

  it('is known by the MAC address of net0', () => {
    expect(identityOf(config)).toBe('BC:24:11:00:02:C8');
    expect(identityOf(pairs({ hostname: 'ct200', smbios1: 'uuid=x' }))).toBeUndefined();
  });
});

it('a container of which only its lock is there is full of defaults', () => {
  expect(toContainerConfig(pairs({ lock: 'create', digest: 'd' }))).toEqual({
    digest: 'd',
    cores: 0,
    memoryMb: 512,
    swapMb: 512,
    onboot: false,
    protected: false,
    description: '',
    ip: 'manual',
    unprivileged: false,
    features: [],
    disks: {},
    unused: {},
    pending: [],
  });
});

it('takes the volume of a mount point with or without its name, and a bind mount for more than a root', () => {
  const { disks } = toContainerConfig(pairs({ rootfs: 'volume=fast:vm-200-disk-0,size=512M', mp0: '/srv,mp=/srv' }));
  expect(disks).toEqual({
    rootfs: { volid: 'fast:vm-200-disk-0', storage: 'fast', sizeMb: 512 },
    mp0: { volid: '/srv', storage: '/srv' },
  });
});
