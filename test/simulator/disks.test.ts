import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demoSeed, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

const TOKEN = 'proxnix@pve!bot=5157a7ed-0000-4000-8000-de0000000001';

describe('the disks of a running VM', () => {
  let simulator: Simulator;
  let client: ReturnType<typeof clientOf>;
  const vm = (more: string) => `/nodes/pve1/qemu/820${more}`;
  const put = async (params: Record<string, string>) => await client.call('PUT', vm('/config'), params);
  const config = () => simulator.guest(820)?.config ?? {};
  const start = async (options: Record<string, string | number>) => {
    const drives = { scsi0: 'local-lvm:0,import-from=local:import/web.qcow2', scsi1: 'local-lvm:1' };
    const given = { vmid: 820, name: 'web', scsihw: 'virtio-scsi-single', ...drives, ...options };
    expect(await client.run('POST', '/nodes/pve1/qemu', given)).toBe('OK');
    expect(await client.run('POST', vm('/status/start'))).toBe('OK');
  };

  beforeEach(async () => {
    simulator = await startSimulator({ seed: demoSeed(), timeScale: 0.001, statisticsSeconds: 0 });
    client = clientOf(simulator, TOKEN);
    await client.upload('web.qcow2', 64 * 1024 ** 2);
  });
  afterEach(() => simulator.close());

  it('stay in a guest named deaf at the first request and are gone after the second, which no revert brings back', async () => {
    await start({ name: 'web-deaf' });
    expect(await put({ delete: 'scsi1' })).toMatchObject({ status: 400 });
    expect(simulator.guest(820)).toMatchObject({ pendingDelete: ['scsi1'], lost: ['scsi1'] });
    expect(await put({ delete: 'scsi1' })).toMatchObject({ status: 200 });
    expect(await put({ revert: 'scsi1' })).toMatchObject({ status: 200 });
    expect(config()).toMatchObject({ unused0: 'local-lvm:vm-820-disk-1' });
    expect(config()).not.toHaveProperty('scsi1');
    expect(simulator.guest(820)?.lost).toEqual([]);
  });

  it('are exchanged at once where the guest helps', async () => {
    await start({});
    expect(await put({ scsi1: 'local-lvm:2' })).toMatchObject({ status: 200 });
    expect(config()).toMatchObject({ scsi1: 'local-lvm:vm-820-disk-2,size=2G', unused0: 'local-lvm:vm-820-disk-1' });
  });

  it('wait for a stop where the option hotplug leaves them out', async () => {
    await start({ hotplug: 'network,usb' });
    expect(await put({ scsi2: 'local-lvm:1', delete: 'scsi1' })).toMatchObject({ status: 200 });
    expect(config()).not.toHaveProperty('scsi2');
    expect(simulator.guest(820)).toMatchObject({ pendingDelete: ['scsi1'] });
    await client.run('POST', vm('/status/stop'));
    expect(config()).toMatchObject({ unused0: 'local-lvm:vm-820-disk-1', scsi2: 'local-lvm:vm-820-disk-2,size=1G' });
  });

  it('cannot be moved as firmware that runs or that was resized', async () => {
    await start({ efidisk0: 'local-lvm:1,efitype=4m', tpmstate0: 'local-lvm:1' });
    const move = async (disk: string) => await client.run('POST', vm('/move_disk'), { disk, storage: 'fast' });
    expect(await move('tpmstate0')).toBe('cannot move TPM state while VM is running');
    expect(await move('efidisk0')).toBe('OK');
    await client.run('PUT', vm('/resize'), { disk: 'efidisk0', size: '+1M' });
    await client.run('POST', vm('/status/stop'));
    const back = await client.run('POST', vm('/move_disk'), { disk: 'efidisk0', storage: 'local-lvm' });
    expect(back).toContain('output file is smaller than input file');
    expect(await move('tpmstate0')).toBe('OK');
  });

  it('makes a start end with warnings where a thread of a disk is ignored', async () => {
    await start({});
    await client.run('POST', vm('/status/stop'));
    await put({ scsihw: 'virtio-scsi-pci', scsi1: 'local-lvm:vm-820-disk-1,iothread=1' });
    expect(await client.run('POST', vm('/status/start'))).toBe('WARNINGS: 1');
    expect(simulator.tasks()[0]?.log.at(-1)).toBe('TASK WARNINGS: 1');
  });
});
