import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { demoSeed, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

const ADMIN = 'admin@pve!all=5157a7ed-0000-4000-8000-de0000000002';
const template = { volid: 'local:vztmpl/ct.tar.xz', content: 'vztmpl', format: 'txz', size: 1000, ostype: 'nixos' };

describe('a backup', () => {
  let simulator: Simulator;
  let admin: ReturnType<typeof clientOf>;
  const start = async (timeScale: number) => {
    const seed = demoSeed();
    const storages = seed.storages.map((one) =>
      one.storage === 'fast' ? { ...one, content: [...one.content, 'backup'] } : one,
    );
    simulator = await startSimulator({
      seed: { ...seed, storages, volumes: [template] },
      timeScale,
      statisticsSeconds: 0,
    });
    admin = clientOf(simulator, ADMIN);
    await admin.upload('web.qcow2', 64 * 1024 ** 2);
  };
  const create = async (vmid: number, more: Record<string, string | number> = {}) => {
    const disks = { scsi0: 'local-lvm:0,import-from=local:import/web.qcow2', scsi1: 'fast:1,backup=0' };
    expect(await admin.run('POST', '/nodes/pve1/qemu', { vmid, name: 'web', ...disks, ...more })).toBe('OK');
  };
  const backUp = async (vmid: number, more: Record<string, string | number> = {}) =>
    await admin.run('POST', '/nodes/pve1/vzdump', { vmid, storage: 'fast', remove: 0, compress: 'zstd', ...more });
  const archives = () => simulator.volumes().filter(({ content }) => content === 'backup');
  const markIn = (vmid: number, key: string) => {
    const volid = String(simulator.guest(vmid)?.config[key]).split(',')[0];
    return simulator.volumes().find((one) => one.volid === volid)?.mark;
  };
  const log = (type: string) => simulator.tasks().find((task) => task.type === type)?.log ?? [];

  beforeEach(() => start(0.001));
  afterEach(() => simulator.close());

  it('of a stopped VM leaves it stopped, and a restore brings the content of its disks back', async () => {
    await create(820);
    const [root, data] = [markIn(820, 'scsi0'), markIn(820, 'scsi1')];
    expect(await backUp(820, { protected: 1, 'notes-template': '{{guestname}}\\nof {{vmid}}' })).toBe('OK');
    expect(simulator.guest(820)).toMatchObject({ startedAt: undefined });
    expect(simulator.guest(820)?.config).not.toHaveProperty('lock');
    const [archive] = archives();
    expect(archive).toMatchObject({
      vmid: 820,
      format: 'vma.zst',
      backup: { notes: 'web\nof 820', isProtected: true },
    });
    await admin.call('PUT', '/nodes/pve1/qemu/820/config', { scsi0: 'local-lvm:1' });
    expect(markIn(820, 'scsi0')).not.toBe(root);
    const restore = { vmid: 820, archive: archive?.volid ?? '', force: 1 };
    expect(await admin.run('POST', '/nodes/pve1/qemu', restore)).toBe('OK');
    expect(markIn(820, 'scsi0')).toBe(root);
    expect(new Set([markIn(820, 'unused0'), markIn(820, 'unused1')])).toEqual(new Set([root, data]));
  });

  it('fails as job errors, and only the log tells why', async () => {
    await create(820, { name: 'web-fail-backup' });
    expect(await backUp(820)).toBe('job errors');
    expect(log('vzdump')).toContain('ERROR: Backup of VM 820 failed - job failed with err -5 - Input/output error');
    expect(archives()).toEqual([]);
    expect(simulator.guest(820)?.config).not.toHaveProperty('lock');
  });

  it('waits for another one, and the lock of a guest stays when its worker is killed', async () => {
    await simulator.close();
    await start(0.02);
    await create(820);
    await create(821);
    const post = async (vmid: number) =>
      (await admin.call('POST', '/nodes/pve1/vzdump', { vmid, storage: 'fast' })).data;
    const first = await post(820);
    const second = await post(821);
    await vi.waitFor(() => expect(log('vzdump')).toContain('INFO: trying to get global lock - waiting...'), 60_000);
    expect(simulator.guest(820)?.config['lock']).toBe('backup');
    await simulator.outside({ do: 'kill-worker', vmid: 820 });
    expect(await admin.ended(first)).toBe('unexpected status');
    expect(simulator.guest(820)?.config['lock']).toBe('backup');
    expect(await admin.ended(second)).toBe('OK');
    expect(archives().map(({ vmid }) => vmid)).toEqual([821]);
  });

  it('of a VM that somebody paused leaves it paused', async () => {
    await create(820);
    await admin.run('POST', '/nodes/pve1/qemu/820/status/start');
    await admin.run('POST', '/nodes/pve1/qemu/820/status/suspend');
    expect(await backUp(820)).toBe('OK');
    expect(simulator.guest(820)?.paused).toBe('paused');
  });

  it('of a running VM with mode stop is over only after ten minutes where the guest is deaf', async () => {
    await create(820, { name: 'web-deaf' });
    await admin.run('POST', '/nodes/pve1/qemu/820/status/start');
    expect(await backUp(820, { mode: 'stop' })).toBe('job errors');
    expect(log('vzdump').join('\n')).toContain('--timeout 600');
    expect(simulator.guest(820)?.startedAt).toBeDefined();
  });

  it('of a container has its root and the mount points that ask for it, and the others come back empty', async () => {
    const mounts = { rootfs: 'fast:1', mp0: 'fast:2,mp=/kept,backup=1', mp1: 'fast:3,mp=/left' };
    const given = { vmid: 830, ostemplate: template.volid, ...mounts };
    expect(await admin.run('POST', '/nodes/pve1/lxc', given)).toBe('OK');
    const marks = ['rootfs', 'mp0', 'mp1'].map((key) => markIn(830, key));
    expect(await backUp(830)).toBe('OK');
    const restore = { vmid: 831, ostemplate: archives()[0]?.volid ?? '', restore: 1 };
    expect(await admin.run('POST', '/nodes/pve1/lxc', restore)).toBe('OK');
    expect(markIn(831, 'rootfs')).toBe(marks[0]);
    expect(markIn(831, 'mp0')).toBe(marks[1]);
    expect(simulator.guest(831)?.config['mp1']).toContain(',mp=/left,size=3G');
    expect(marks).not.toContain(markIn(831, 'mp1'));
  });
});
