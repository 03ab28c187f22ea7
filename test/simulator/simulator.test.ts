import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demoSeed, type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

const MIB = 1024 ** 2;
const TOKEN = 'proxnix@pve!bot=5157a7ed-0000-4000-8000-de0000000001';
const VM = { memory: 512, net0: 'virtio,bridge=vmbr0', agent: 1, boot: 'order=scsi0' };
const fast = { seed: demoSeed(), timeScale: 0.001, statisticsSeconds: 0 };

describe('the demo cluster', () => {
  let simulator: Simulator;
  let client: ReturnType<typeof clientOf>;
  const vm = (vmid: number, more: string) => `/nodes/pve1/qemu/${vmid}${more}`;
  const create = async (vmid: number, name: string, storage = 'local-lvm', image = 'web.qcow2') =>
    await client.run('POST', '/nodes/pve1/qemu', {
      ...{ ...VM, vmid, name, scsi0: `${storage}:0,import-from=local:import/${image}` },
    });

  beforeEach(async () => {
    simulator = await startSimulator(fast);
    client = clientOf(simulator, TOKEN);
    await client.upload('web.qcow2', 48 * MIB);
  });
  afterEach(() => simulator.close());

  it('takes a real qcow2 and reads its virtual size from the head', () => {
    const image = simulator.volumes().find((one) => one.volid === 'local:import/web.qcow2');
    expect(image).toMatchObject({ format: 'qcow2', size: 1024, virtualSize: 48 * MIB, boots: true, agent: true });
  });

  it('makes a guest of the image, on block storage without a suffix', async () => {
    expect(await create(820, 'test-init')).toBe('OK');
    expect(simulator.guest(820)?.config['scsi0']).toBe('local-lvm:vm-820-disk-0,size=48M');
    expect(simulator.volumes().find((one) => one.vmid === 820)).toMatchObject({ format: 'raw', boots: true });
  });

  it('tells the address of a guest whose agent runs', async () => {
    await create(820, 'test-init');
    expect(await client.run('POST', vm(820, '/status/start'))).toBe('OK');
    await expect.poll(async () => (await client.call('POST', vm(820, '/agent/ping'))).status).toBe(200);
    const { data } = await client.call('GET', vm(820, '/agent/network-get-interfaces'));
    expect(JSON.stringify(data)).toContain('"ip-address":"10.77.0.110"');
  });

  it('shuts a guest down that answers, and stops with a timeout at one that is deaf', async () => {
    await create(820, 'test-init');
    await create(821, 'web-deaf');
    for (const vmid of [820, 821]) await client.run('POST', vm(vmid, '/status/start'));
    expect(await client.run('POST', vm(820, '/status/shutdown'), { timeout: 5 })).toBe('OK');
    const exit = await client.run('POST', vm(821, '/status/shutdown'), { timeout: 5 });
    expect(exit).toBe('VM quit/powerdown failed - got timeout');
  });

  it('holds the lock of a guest for some seconds after its reboot', async () => {
    await simulator.close();
    simulator = await startSimulator({ ...fast, timeScale: 0.05 });
    client = clientOf(simulator, TOKEN);
    await client.upload('web.qcow2', 48 * MIB);
    await create(820, 'test-init');
    await client.run('POST', vm(820, '/status/start'));
    expect(await client.run('POST', vm(820, '/status/reboot'))).toBe('OK');
    const { data } = await client.call('POST', vm(820, '/status/stop'));
    expect(await client.ended(data)).toBe('OK');
    expect(simulator.tasks().find(({ upid }) => upid === data)?.log).toContain('trying to acquire lock...');
  });

  it('tells the state of a VM as 9.2 does: its cards, and no sizes of disk traffic', async () => {
    await create(820, 'test-init');
    const status = async () => (await client.call('GET', vm(820, '/status/current'))).data;
    expect(await status()).not.toHaveProperty('nics');
    await client.run('POST', vm(820, '/status/start'));
    expect(await status()).toMatchObject({ nics: { tap820i0: { netin: 0, netout: 0 } } });
    expect(await status()).not.toHaveProperty('diskread');
    expect((await client.call('GET', '/nodes')).data).toMatchObject([{ cpu: 0 }]);
  });

  it('tells the keys of a configuration in an order by chance', async () => {
    await create(820, 'test-init');
    const order = async () => {
      const { data } = await client.call('GET', vm(820, '/pending'));
      return (data as { key: string }[]).map(({ key }) => key).join();
    };
    const orders = new Set([await order(), await order(), await order(), await order(), await order()]);
    expect(orders.size).toBeGreaterThan(1);
  });

  it('has no agent where none is configured', async () => {
    const params = { vmid: 820, memory: 512, name: 'bare' };
    expect(await client.run('POST', '/nodes/pve1/qemu', params)).toBe('OK');
    await client.run('POST', vm(820, '/status/start'));
    for (const [method, call] of [
      ['POST', 'ping'],
      ['GET', 'network-get-interfaces'],
    ] as const) {
      const answer = await client.call(method, vm(820, `/agent/${call}`));
      expect(answer).toMatchObject({ status: 500, reason: 'No QEMU guest agent configured' });
    }
  });

  it.each(['before', 'after'] as const)(
    'ends a task as it is told to, %s its work, and only the next one',
    async (when) => {
      await create(820, 'test-init');
      await simulator.outside({ do: 'end-task', type: 'qmstart', when });
      expect(await client.run('POST', vm(820, '/status/start'))).toBe('unexpected status');
      expect(simulator.guest(820)?.startedAt !== undefined).toBe(when === 'after');
      expect(await client.run('POST', vm(820, '/status/stop'))).toBe('OK');
      expect(await client.run('POST', vm(820, '/status/start'))).toBe('OK');
    },
  );

  it('keeps a disk as unused that waited for a slot which another one gets', async () => {
    await create(820, 'test-init');
    for (const slot of ['scsi1', 'scsi2']) await client.run('POST', vm(820, '/config'), { [slot]: 'fast:1' });
    const { scsi1, scsi2 } = simulator.guest(820)?.config ?? {};
    await client.run('PUT', vm(820, '/config'), { delete: 'scsi1,scsi2' });
    await client.run('POST', vm(820, '/status/start'));
    for (const disk of [scsi1, scsi2]) await client.call('PUT', vm(820, '/config'), { scsi0: String(disk) });
    expect(simulator.guest(820)?.pending['scsi0']).toBe(scsi2);
    expect(Object.values(simulator.guest(820)?.config ?? {})).toContain(String(scsi1).split(',')[0]);
  });

  it('fails to start a guest named fail-start', async () => {
    await create(820, 'fail-start');
    expect(await client.run('POST', vm(820, '/status/start'))).toBe('start failed: QEMU exited with code 1');
    expect(simulator.guest(820)?.startedAt).toBeUndefined();
  });

  it('ends the start of a guest named slow-start with the whole command line in the text', async () => {
    await create(820, 'slow-start');
    const text = await client.run('POST', vm(820, '/status/start'));
    expect(text).toMatch(/^start failed: command '\/usr\/bin\/kvm -id 820 .*' failed: got timeout$/);
    expect(text.length).toBeGreaterThan(3500);
    expect(simulator.guest(820)?.startedAt).toBeUndefined();
  });

  it('never hears an agent in a guest named no-agent, or made of such an image', async () => {
    await client.upload('no-agent.qcow2', MIB);
    await create(820, 'web-no-agent');
    await create(821, 'web', 'fast', 'no-agent.qcow2');
    for (const vmid of [820, 821]) {
      await client.run('POST', vm(vmid, '/status/start'));
      const ping = await client.call('POST', vm(vmid, '/agent/ping'));
      expect(ping).toMatchObject({ status: 500, reason: 'QEMU guest agent is not running' });
    }
  });

  it('answers for a paused VM as Proxmox does', async () => {
    await create(820, 'test-init');
    await client.run('POST', vm(820, '/status/start'));
    expect(await client.run('POST', vm(820, '/status/suspend'))).toBe('OK');
    const current = await client.call('GET', vm(820, '/status/current'));
    expect(current.data).toMatchObject({ status: 'running', qmpstatus: 'paused' });
    const listed = await client.call('GET', '/cluster/resources', { type: 'vm' });
    expect(listed.data).toContainEqual(expect.objectContaining({ vmid: 820, status: 'paused' }));
    for (const action of ['shutdown', 'reboot']) {
      const refused = await client.call('POST', vm(820, `/status/${action}`));
      expect(refused).toMatchObject({ status: 500, reason: 'VM is paused - cannot shutdown' });
    }
    expect(await client.run('POST', vm(820, '/status/start'))).toBe('VM 820 already running');
    expect(await client.run('POST', vm(820, '/status/resume'))).toBe('OK');
    expect((await client.call('GET', vm(820, '/status/current'))).data).toMatchObject({ qmpstatus: 'running' });
    await client.run('POST', vm(820, '/status/suspend'));
    expect(await client.run('POST', vm(820, '/status/shutdown'), { forceStop: 1 })).toBe('OK');
    const resume = await client.call('POST', vm(820, '/status/resume'));
    expect(resume).toMatchObject({ status: 500, reason: 'VM 820 not running' });
  });

  it('lets a new boot order wait for a stop, and pulls a root disk outside the current one out of a running VM', async () => {
    await create(820, 'test-init');
    await client.run('POST', vm(820, '/config'), { scsi1: 'fast:1' });
    const other = String(simulator.guest(820)?.config['scsi1']).split(',')[0] ?? '';
    await client.call('PUT', vm(820, '/config'), { delete: 'scsi1' });
    await client.run('POST', vm(820, '/status/start'));
    await client.call('PUT', vm(820, '/config'), { boot: 'order=net0' });
    expect(simulator.guest(820)).toMatchObject({ config: { boot: 'order=scsi0' }, pending: { boot: 'order=net0' } });
    const guarded = await client.call('PUT', vm(820, '/config'), { scsi0: other });
    expect([guarded.status, simulator.guest(820)?.rootless]).toEqual([400, undefined]);
    await client.call('PUT', vm(820, '/config'), { revert: 'scsi0' });
    await client.run('POST', vm(820, '/status/stop'));
    await client.run('POST', vm(820, '/status/start'));
    expect((await client.call('PUT', vm(820, '/config'), { scsi0: other })).status).toBe(200);
    expect(simulator.guest(820)).toMatchObject({ rootless: true });
    expect(simulator.guest(820)?.config['scsi0']).toContain(other);
    expect((await client.call('POST', vm(820, '/agent/ping'))).status).toBe(500);
  });

  it('gives a guest named sick an agent but no address', async () => {
    await create(820, 'sick');
    await client.run('POST', vm(820, '/status/start'));
    await expect.poll(async () => (await client.call('POST', vm(820, '/agent/ping'))).status).toBe(200);
    const { data } = await client.call('GET', vm(820, '/agent/network-get-interfaces'));
    expect(JSON.stringify(data)).toContain('"name":"eth0","hardware-address":"bc:24:11');
    expect(JSON.stringify(data)).not.toContain('10.77.');
  });

  it('runs out of space on a storage named full, and leaves nothing behind', async () => {
    expect(await create(820, 'web', 'full')).toMatch(/^unable to create VM 820 - cannot import from .* exit code 1$/);
    expect(simulator.tasks()[0]?.log.join('\n')).toContain('No space left on device');
    expect(simulator.guests()).toEqual([]);
    expect(simulator.volumes()).toHaveLength(1);
  });

  it('lets the token of the seed do all of that and nothing outside of it', async () => {
    expect((await client.call('GET', '/nodes/pve1/status')).status).toBe(200);
    const refused = await client.call('PUT', vm(820, '/config'), { net0: 'virtio,bridge=vmbr7' });
    expect(refused).toMatchObject({ status: 500 });
    await create(820, 'web');
    const bridge = await client.call('PUT', vm(820, '/config'), { net0: 'virtio,bridge=vmbr7' });
    expect(bridge.reason).toBe('Permission check failed (/sdn/zones/localnetwork/vmbr7, SDN.Use)');
  });
});

describe('a simulator', () => {
  const started: Simulator[] = [];
  const start = async (options: Partial<SimulatorOptions>) => {
    const simulator = await startSimulator({ ...fast, ...options });
    started.push(simulator);
    return simulator;
  };
  afterEach(async () => {
    for (const one of started.splice(0)) await one.close();
  });

  it('keeps its cluster in a file over a restart', async () => {
    const stateFile = path.join(mkdtempSync(path.join(tmpdir(), 'simulator-')), 'state.json');
    const first = await start({ stateFile });
    const client = clientOf(first, TOKEN);
    await client.upload('web.qcow2', MIB);
    await client.run('POST', '/nodes/pve1/qemu', { vmid: 820, name: 'kept' });
    const upid = first.tasks()[0]?.upid;
    await first.close();
    const second = await start({ stateFile });
    expect(second.guest(820)?.config['name']).toBe('kept');
    expect(second.volumes().map((one) => one.volid)).toEqual(['local:import/web.qcow2']);
    expect(second.tasks()[0]).toMatchObject({ upid, exit: 'OK' });
  });

  it('begins with a state that it is given', async () => {
    const first = await start({});
    const client = clientOf(first, TOKEN);
    await client.run('POST', '/nodes/pve1/qemu', { vmid: 820, name: 'kept' });
    const second = await start({ state: { guests: first.guests(), volumes: first.volumes(), tasks: first.tasks() } });
    expect(second.guest(820)?.config['name']).toBe('kept');
    expect(second.tasks().map(({ type }) => type)).toEqual(['qmcreate']);
  });

  it('goes back to its seed on reset', async () => {
    const simulator = await start({});
    await clientOf(simulator, TOKEN).run('POST', '/nodes/pve1/qemu', { vmid: 820 });
    await simulator.reset();
    expect(simulator.guests()).toEqual([]);
    expect(simulator.tasks()).toEqual([]);
  });

  it('tells its observer of every request', async () => {
    const seen: string[] = [];
    const simulator = await start({
      requests: ({ method, path: at, status }) => seen.push(`${method} ${at} ${status}`),
    });
    await clientOf(simulator, TOKEN).call('GET', '/version');
    await expect.poll(() => seen).toEqual(['GET /api2/json/version 200']);
  });

  it('takes its time and its chance from outside', async () => {
    const simulator = await start({ now: () => 1_800_000_000_000, random: () => 0 });
    await clientOf(simulator, TOKEN).run('POST', '/nodes/pve1/qemu', { vmid: 820, net0: 'virtio,bridge=vmbr0' });
    expect(simulator.guest(820)?.config).toMatchObject({
      meta: 'creation-qemu=10.1.2,ctime=1800000000',
      net0: 'virtio=BC:24:11:00:00:00,bridge=vmbr0',
      vmgenid: '00000000-0000-4000-a000-000000000000',
    });
  });

  it('serves the doors for outside actions over HTTP', async () => {
    const simulator = await start({});
    const client = clientOf(simulator, TOKEN);
    await client.run('POST', '/nodes/pve1/qemu', { vmid: 820 });
    const act = async (action: object) =>
      (await fetch(`${simulator.url}/__simulator/outside`, { method: 'POST', body: JSON.stringify(action) })).status;
    expect(await act({ do: 'lock', vmid: 820, lock: 'backup' })).toBe(200);
    expect((await client.call('PUT', '/nodes/pve1/qemu/820/config', { tags: 'x' })).reason).toBe(
      'VM is locked (backup)',
    );
    expect(await act({ do: 'nonsense' })).toBe(400);
    expect((await fetch(`${simulator.url}/__simulator/reset`, { method: 'POST' })).status).toBe(200);
    expect(simulator.guests()).toEqual([]);
  });

  it('refuses a large upload only by closing the connection', async () => {
    const simulator = await start({});
    const authorization = `PVEAPIToken=${TOKEN}`;
    const { ask } = await import('./replay/ask.ts');
    const { makeMultipart } = await import('./replay/multipart.ts');
    const { body, type } = makeMultipart([
      { name: 'content', value: 'import' },
      { name: 'filename', filename: 'a.raw', make: 'zeros', size: 8 * MIB },
    ]);
    const request = { method: 'POST', path: '/nodes/pve1/storage/fast/upload', authorization, body, type };
    expect((await ask(simulator.url, request)).status).toBeNull();
  });

  it('answers reads and closes writes while the worker daemon is down', async () => {
    const simulator = await start({});
    const client = clientOf(simulator, TOKEN);
    await simulator.outside({ do: 'daemon-down' });
    expect((await client.call('GET', '/version')).status).toBe(200);
    const write = await client.call('POST', '/nodes/pve1/qemu', { vmid: 820 });
    expect(write).toMatchObject({ status: 595, reason: 'Connection refused' });
    await simulator.outside({ do: 'config-fs-down' });
    expect((await client.call('GET', '/version')).status).toBe(500);
  });
});
