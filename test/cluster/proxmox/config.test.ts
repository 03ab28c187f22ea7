import { describe, expect, it } from 'vitest';
import type { Api } from '../../../src/cluster/proxmox/api.ts';
import { Pending } from '../../../src/cluster/proxmox/api.ts';
import {
  identityOf,
  readConfig,
  toConfig,
  toContainerConfig,
  toVmConfig,
} from '../../../src/cluster/proxmox/config.ts';
import { ProxmoxError } from '../../../src/cluster/proxmox/errors.ts';
import pending from './fixtures/pending.json' with { type: 'json' };

/** What a configuration without the keys of unmanaged settings reads as: Proxmox's defaults. */
const bareVm = {
  ...{ machine: 'pc', bios: 'seabios', tpm: false },
  cpuType: 'kvm64',
  numa: false,
  vga: 'std',
  pci: [],
  usb: [],
  startup: {},
};

const read = (entries: unknown) => toConfig('vm', Pending.parse(entries));

describe('a configuration as PVE 9.2 tells it', () => {
  it('holds pending values and names the keys that wait', () => {
    const config = read(pending);
    expect(config.digest).toBe('0757241882475674d3c2e05c25ec0bf82148356a');
    expect(config.pending).toEqual(['ide2', 'memory', 'scsi0']);
    expect(config.values['ide2']).toBeUndefined();
    expect(toVmConfig(config)).toEqual({
      digest: '0757241882475674d3c2e05c25ec0bf82148356a',
      uuid: '880df641-9bd0-4375-b196-1744e6b9e686',
      cores: 1,
      sockets: 1,
      memoryMb: 96,
      onboot: false,
      protected: true,
      description: 'live',
      scsiHw: 'virtio-scsi-single',
      bridge: 'vmbr0',
      ...{ ...bareVm, balloonMb: 96 },
      networks: [{ bridge: 'vmbr0', model: 'virtio', mac: expect.any(String), firewall: false }],
      waiting: { scsi0: ['volume'] },
      disks: {
        scsi0: { volid: 'fast:100/vm-100-disk-1.qcow2', storage: 'fast', sizeMb: 2048, options: { discard: true } },
      },
      unused: { unused200: 'fast:100/vm-100-disk-2.qcow2' },
      boot: ['scsi0'],
      pending: ['cloudInit', 'memoryMb'],
      inUse: { cloudInit: { storage: 'fast' }, memoryMb: 64 },
      otherPending: [{ key: 'scsi0', to: expect.stringContaining('fast:100/vm-100-disk-1.qcow2') }],
    });
  });

  it('is full of defaults where keys are absent', () => {
    expect(toVmConfig(read([{ key: 'digest', value: 'd' }]))).toEqual({
      digest: 'd',
      cores: 1,
      sockets: 1,
      memoryMb: 512,
      onboot: false,
      protected: false,
      description: '',
      scsiHw: 'lsi',
      bridge: '',
      ...{ ...bareVm, balloonMb: 512, networks: [] },
      disks: {},
      unused: {},
      boot: [],
      pending: [],
    });
  });

  it('reads numbers, texts and property strings of memory alike', () => {
    for (const value of [2048, '2048', 'current=2048']) {
      expect(toVmConfig(read([{ key: 'memory', value }])).memoryMb).toBe(2048);
    }
  });

  it.each([
    ['fast:100/vm-100-cloudinit.qcow2,media=cdrom', 'fast'],
    ['local-lvm:vm-100-cloudinit,media=cdrom', 'local-lvm'],
  ])('takes %s for the cloud-init drive and not for a disk', (value, storage) => {
    const live = toVmConfig(read([{ key: 'ide2', value }]));
    expect(live.cloudInit).toEqual({ storage });
    expect(live.disks).toEqual({});
  });

  it('does not take a CD or an empty drive for a disk', () => {
    const live = toVmConfig(
      read([
        { key: 'ide2', value: 'none,media=cdrom' },
        { key: 'ide0', value: 'local:iso/x.iso,media=cdrom,size=1M' },
        { key: 'scsihw', value: 'virtio-scsi-pci' },
        { key: 'boot', value: 'order=scsi0;ide2' },
      ]),
    );
    expect(live.disks).toEqual({});
    expect(live.boot).toEqual(['scsi0', 'ide2']);
  });
});

describe('a guest that the token may not see', () => {
  /** An API that refuses the configuration; `free`: nobody has the VMID. */
  const refusing = (free: boolean) => {
    const refusal = (path: string, status: number, errors: object) =>
      new ProxmoxError(
        { method: 'GET', path },
        { status, reason: 'refused', text: JSON.stringify({ errors }) },
        { tokenId: 'a@pve!b' },
      );
    const get = async (path: string) => {
      if (path !== '/cluster/nextid') throw refusal(path, 403, {});
      if (!free) throw refusal(path, 400, { vmid: 'VM 823 already exists' });
      return '823';
    };
    return { client: { get } } as unknown as Api;
  };
  const at = { guestKind: 'vm', vmid: 823, node: 'pve1' } as const;

  it('is not taken for one that is gone', async () => {
    await expect(readConfig(refusing(false), at)).rejects.toMatchObject({ status: 403 });
    expect(await readConfig(refusing(true), at)).toBeUndefined();
  });
});

const readContainer = (entries: unknown) => toConfig('container', Pending.parse(entries));
const pairs = (values: Record<string, string | number>) =>
  readContainer(Object.entries(values).map(([key, value]) => ({ key, value })));

describe('the configuration of a container as PVE 9.2 tells it', () => {
  // A root that waits for its restart, as recorded: the new one is listed as unused until then.
  const config = readContainer([
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
      networks: [
        {
          ...{ bridge: 'vmbr0', name: 'eth0', mac: 'BC:24:11:00:02:C8', ip: '10.99.0.50/24', gateway: '10.99.0.1' },
          firewall: false,
        },
      ],
      startup: {},
      unprivileged: true,
      features: ['nesting'],
      disks: {
        rootfs: { volid: 'fast:200/vm-200-disk-1.raw', storage: 'fast', sizeMb: 2048 },
        mp1: { volid: 'slow:subvol-200-disk-3', storage: 'slow', sizeMb: 8192, path: '/data' },
      },
      waiting: { rootfs: ['volume'] },
      unused: { unused1: 'fast:200/vm-200-disk-0.raw' },
      pending: ['features'],
      inUse: { features: ['keyctl', 'nesting'] },
      otherPending: [{ key: 'rootfs', to: 'fast:200/vm-200-disk-1.raw,size=2G' }],
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
    bridge: '',
    ...{ networks: [], startup: {} },
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
    mp0: { volid: '/srv', storage: '/srv', path: '/srv' },
  });
});
