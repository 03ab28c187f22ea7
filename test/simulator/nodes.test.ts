import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { demoSeed, type Seed, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

const token = 'admin@pve!all=5157a7ed-0000-4000-8000-de0000000002';

/** Two nodes: `local` is each one's own, `ceph` is shared, `fast` only pve1 has. */
function twoNodes(): Seed {
  const base = demoSeed();
  const [node] = base.nodes;
  const [local] = base.storages;
  if (node === undefined || local === undefined) throw new Error('the demo has neither node nor storage');
  const image = { content: 'import', format: 'qcow2', size: 1000, virtualSize: 2 ** 20 };
  const disk = { content: 'images', format: 'raw', size: 1000, virtualSize: 2 ** 20 };
  const vm = (vmid: number, storage: string, on: string) => ({
    ...{ type: 'qemu' as const, vmid, node: on, running: true },
    config: { name: `vm${vmid}`, memory: '512', onboot: 1, scsi0: `${storage}:${vmid}/vm-${vmid}-disk-0.raw` },
  });
  return {
    ...base,
    nodes: [node, { ...node, node: 'pve2', ip: '10.77.0.2' }],
    storages: [
      { ...local, content: ['import', 'images'] },
      { ...local, storage: 'ceph', content: ['images'], shared: true },
      { ...local, storage: 'fast', content: ['images'], nodes: ['pve1'] },
    ],
    volumes: [
      { ...image, volid: 'local:import/a.qcow2' },
      { ...image, volid: 'local:import/b.qcow2', node: 'pve2' },
      { ...disk, volid: 'local:100/vm-100-disk-0.raw' },
      { ...disk, volid: 'ceph:101/vm-101-disk-0.raw' },
      { ...disk, volid: 'fast:102/vm-102-disk-0.raw' },
    ],
    guests: [vm(100, 'local', 'pve1'), vm(101, 'ceph', 'pve1'), vm(102, 'fast', 'pve1')],
  };
}

async function start(seed = twoNodes()) {
  const simulator = await startSimulator({ seed, timeScale: 0.001, statisticsSeconds: 0 });
  onTestFinished(() => simulator.close());
  const { call, run } = clientOf(simulator, token);
  const get = async (path: string, params = {}) => (await call('GET', path, params)).data as Record<string, unknown>[];
  const images = async (node: string) =>
    (await get(`/nodes/${node}/storage/local/content`, { content: 'import' })).map((one) => one['volid']);
  return { simulator, call, run, get, images };
}

describe('several nodes', () => {
  it('have storages of their own under one name, and share others', async () => {
    const { get, images, call } = await start();
    expect(await images('pve1')).toEqual(['local:import/a.qcow2']);
    expect(await images('pve2')).toEqual(['local:import/b.qcow2']);
    const listed = await get('/cluster/resources', { type: 'storage' });
    expect(listed.map(({ id, shared }) => `${id} ${shared}`).sort()).toEqual([
      ...['storage/pve1/ceph 1', 'storage/pve1/fast 0', 'storage/pve1/local 0'],
      ...['storage/pve2/ceph 1', 'storage/pve2/local 0'],
    ]);
    expect(await call('GET', '/nodes/pve2/storage/fast/content')).toMatchObject({
      status: 500,
      reason: "storage 'fast' is not available on node 'pve2'",
    });
    expect((await get('/nodes/pve2/storage')).map(({ storage }) => String(storage)).sort()).toEqual(['ceph', 'local']);
  });

  it('keep a volume of the same name apart', async () => {
    const { simulator, run } = await start();
    const make = (node: string, vmid: number) =>
      run('POST', `/nodes/${node}/qemu`, { vmid, scsi0: 'local:1', memory: 512 });
    expect([await make('pve1', 200), await make('pve2', 201)]).toEqual(['OK', 'OK']);
    const places = simulator.volumes().filter(({ vmid }) => vmid !== undefined && vmid >= 200);
    expect(places.map(({ vmid, node }) => [vmid, node])).toEqual([
      [200, 'pve1'],
      [201, 'pve2'],
    ]);
    expect(await run('POST', '/nodes/pve2/qemu', { vmid: 202, scsi0: 'fast:1' })).toContain('is not available on node');
  });

  it('keep their volumes over a restart of the simulator', async () => {
    const stateFile = path.join(await mkdtemp(path.join(tmpdir(), 'proxnix-nodes-')), 'state.json');
    onTestFinished(() => rm(path.dirname(stateFile), { recursive: true }));
    const first = await startSimulator({ seed: twoNodes(), stateFile });
    await first.outside({ do: 'migrate', vmid: 100, target: 'pve2' });
    await first.close();
    const second = await startSimulator({ seed: twoNodes(), stateFile });
    onTestFinished(() => second.close());
    const places = second.volumes().map(({ volid, node }) => `${volid} ${node ?? 'shared'}`);
    expect(places.sort()).toEqual([
      ...['ceph:101/vm-101-disk-0.raw shared', 'fast:102/vm-102-disk-0.raw pve1'],
      ...['local:100/vm-100-disk-0.raw pve2', 'local:import/a.qcow2 pve1', 'local:import/b.qcow2 pve2'],
    ]);
  });
});

describe('a guest that is migrated', () => {
  it('is on the other node, runs on, has the same digest, and took its own disks along', async () => {
    const { simulator, call } = await start();
    const digest = async (node: string, vmid: number) =>
      ((await call('GET', `/nodes/${node}/qemu/${vmid}/config`)).data as { digest: string }).digest;
    const before = await digest('pve1', 100);
    for (const vmid of [100, 101]) await simulator.outside({ do: 'migrate', vmid, target: 'pve2' });
    expect(await digest('pve2', 100)).toBe(before);
    expect((await call('GET', '/nodes/pve1/qemu/100/config')).reason).toBe(
      "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist",
    );
    expect((await call('GET', '/nodes/pve2/qemu/101/status/current')).data).toMatchObject({ status: 'running' });
    const node = (volid: string) => simulator.volumes().find((one) => one.volid === volid)?.node;
    expect(node('local:100/vm-100-disk-0.raw')).toBe('pve2');
    expect(node('ceph:101/vm-101-disk-0.raw')).toBeUndefined();
  });

  it('stays where it is when the other node lacks its storage', async () => {
    const { simulator } = await start();
    await expect(simulator.outside({ do: 'migrate', vmid: 102, target: 'pve2' })).rejects.toThrow('not available');
    expect(simulator.guest(102)?.node).toBe('pve1');
    await expect(simulator.outside({ do: 'migrate', vmid: 102, target: 'pve9' })).rejects.toThrow('no node pve9');
  });
});

describe('a node that is down', () => {
  it('is offline, its guests are unknown and its calls are 595, until it comes back', async () => {
    const { simulator, get, call } = await start();
    await simulator.outside({ do: 'migrate', vmid: 100, target: 'pve2' });
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    expect((await get('/nodes')).map(({ node, status }) => [node, status])).toEqual([
      ['pve1', 'online'],
      ['pve2', 'offline'],
    ]);
    const guest = (await get('/cluster/resources', { type: 'vm' })).find(({ vmid }) => vmid === 100);
    expect(guest).toEqual({ id: 'qemu/100', vmid: 100, node: 'pve2', type: 'qemu', status: 'unknown' });
    expect(await call('GET', '/nodes/pve2/qemu/100/config')).toMatchObject({ status: 595, reason: 'No route to host' });
    await simulator.outside({ do: 'node-up', node: 'pve2' });
    expect((await call('GET', '/nodes/pve2/qemu/100/status/current')).data).toMatchObject({ status: 'running' });
  });

  it('may not be noticed yet: the lists show it as it was', async () => {
    const { simulator, get, call } = await start();
    await simulator.outside({ do: 'node-down', node: 'pve2', noticed: false, reason: 'Connection timed out' });
    expect((await get('/nodes')).map(({ status }) => status)).toEqual(['online', 'online']);
    expect(await call('GET', '/nodes/pve2/qemu')).toMatchObject({ status: 595, reason: 'Connection timed out' });
  });

  it('takes its tasks with it', async () => {
    const { simulator, call } = await start({
      ...twoNodes(),
      rates: { importBytesPerSecond: 1, statisticsSeconds: 0 },
    });
    const slow = await call('POST', '/nodes/pve2/qemu', {
      vmid: 200,
      scsi0: 'local:0,import-from=local:import/b.qcow2',
    });
    expect(slow.status).toBe(200);
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    expect(simulator.tasks().find(({ upid }) => upid === slow.data)?.exit).toBe('unexpected status');
  });

  it('cannot be the one that answers', async () => {
    const { simulator } = await start();
    await expect(simulator.outside({ do: 'node-down', node: 'pve1' })).rejects.toThrow('is the node that answers');
  });
});
