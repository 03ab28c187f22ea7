import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demoSeed, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

const TOKEN = 'proxnix@pve!bot=5157a7ed-0000-4000-8000-de0000000001';
const template = { volid: 'local:vztmpl/ct.tar.xz', content: 'vztmpl', format: 'txz', size: 1000, ostype: 'nixos' };

describe('the mount points of a container', () => {
  let simulator: Simulator;
  let client: ReturnType<typeof clientOf>;
  const ct = (more: string) => `/nodes/pve1/lxc/830${more}`;
  const put = async (params: Record<string, string>) => await client.call('PUT', ct('/config'), params);
  const config = () => simulator.guest(830)?.config;
  const markIn = (key: string) =>
    simulator.volumes().find(({ volid }) => volid === String(config()?.[key]).split(',')[0])?.mark;

  beforeEach(async () => {
    const seed = { ...demoSeed(), volumes: [template] };
    simulator = await startSimulator({ seed, timeScale: 0.001, statisticsSeconds: 0 });
    client = clientOf(simulator, TOKEN);
    const given = { vmid: 830, ostemplate: template.volid, rootfs: 'fast:1', mp0: 'fast:2,mp=/data,backup=1' };
    expect(await client.run('POST', '/nodes/pve1/lxc', given)).toBe('OK');
  });
  afterEach(() => simulator.close());

  it('are stored with the path first and the rest by name', async () => {
    expect(config()).toMatchObject({ mp0: 'fast:830/vm-830-disk-1.raw,mp=/data,backup=1,size=2G' });
    await put({ mp1: 'fast:0,mp=/endless' });
    expect(config()).toMatchObject({ mp1: 'fast:830/subvol-830-disk-2.subvol,mp=/endless,size=0T' });
  });

  it('leave the old volume unused where a new one takes the slot of a stopped container', async () => {
    const mark = markIn('mp0');
    await put({ mp0: 'fast:1,mp=/data' });
    expect(config()).toMatchObject({ mp0: 'fast:830/vm-830-disk-2.raw,mp=/data,size=1G' });
    expect(markIn('unused0')).toBe(mark);
  });

  it('are added to a running container at once, and taken from it at its stop', async () => {
    await client.run('POST', ct('/status/start'));
    await put({ mp1: 'fast:1,mp=/more' });
    expect(config()).toMatchObject({ mp1: 'fast:830/vm-830-disk-2.raw,mp=/more,size=1G' });
    await put({ delete: 'mp1', mp0: 'fast:1,mp=/data' });
    expect(simulator.guest(830)).toMatchObject({ pendingDelete: ['mp1'], pending: { mp0: 'fast:1,mp=/data' } });
    await client.run('POST', ct('/status/stop'));
    expect(config()).toMatchObject({
      ...{ mp0: 'fast:830/vm-830-disk-3.raw,mp=/data,size=1G' },
      ...{ unused0: 'fast:830/vm-830-disk-2.raw', unused1: 'fast:830/vm-830-disk-1.raw' },
    });
  });

  it('move to another storage with their content, while the container is stopped', async () => {
    const mark = markIn('mp0');
    const move = async () =>
      await client.run('POST', ct('/move_volume'), { volume: 'mp0', storage: 'local-lvm', delete: 1 });
    await client.run('POST', ct('/status/start'));
    expect(await move()).toBe('500 cannot move volumes of a running container');
    await client.run('POST', ct('/status/stop'));
    expect(await move()).toBe('OK');
    expect(config()).toMatchObject({ mp0: 'local-lvm:vm-830-disk-0,mp=/data,backup=1,size=2G' });
    expect(markIn('mp0')).toBe(mark);
  });

  it('stay as they are where a card of the same request cannot be plugged', async () => {
    await put({ net0: 'name=eth0,bridge=vmbr0,ip=dhcp' });
    await client.run('POST', ct('/status/start'));
    const before = structuredClone(simulator.guest(830));
    const admin = clientOf(simulator, 'admin@pve!all=5157a7ed-0000-4000-8000-de0000000002');
    const params = { net1: 'name=eth1,bridge=vmbr9', mp1: 'fast:1,mp=/more', delete: 'net0' };
    expect(await admin.call('PUT', ct('/config'), params)).toMatchObject({ status: 400 });
    expect(simulator.guest(830)).toEqual(before);
  });
});
