import { describe, expect, it } from 'vitest';
import type { Api } from '../../../src/cluster/proxmox/api.ts';
import { readConfig, toConfig } from '../../../src/cluster/proxmox/config.ts';
import { ProxmoxError } from '../../../src/cluster/proxmox/errors.ts';
import { Pending } from '../../../src/cluster/proxmox/schema.ts';
import { toVmConfig } from '../../../src/cluster/proxmox/vm-config.ts';
import pending from './fixtures/pending.json' with { type: 'json' };

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
      disks: { scsi0: { volid: 'fast:100/vm-100-disk-1.qcow2', storage: 'fast', sizeMb: 2048 } },
      unused: { unused200: 'fast:100/vm-100-disk-2.qcow2' },
      boot: ['scsi0'],
      pending: ['ide2', 'memory', 'scsi0'],
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
    expect(live.cloudInit).toEqual({ slot: 'ide2', storage });
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
        'a@pve!b',
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
