import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demoSeed, type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

const TOKEN = 'proxnix@pve!bot=5157a7ed-0000-4000-8000-de0000000001';
const ADMIN = 'admin@pve!all=5157a7ed-0000-4000-8000-de0000000002';
const options: SimulatorOptions = { seed: demoSeed(), timeScale: 0.001, statisticsSeconds: 0 };

describe('the options of a VM', () => {
  let simulator: Simulator;
  let client: ReturnType<typeof clientOf>;
  let admin: ReturnType<typeof clientOf>;
  const connect = () => {
    client = clientOf(simulator, TOKEN);
    admin = clientOf(simulator, ADMIN);
  };
  const create = async (vmid: number, more: Record<string, string | number>) =>
    await client.run('POST', '/nodes/pve1/qemu', { vmid, name: 'web', ...more });
  const start = async () => await client.run('POST', '/nodes/pve1/qemu/820/status/start');

  beforeEach(async () => {
    simulator = await startSimulator(options);
    connect();
  });
  afterEach(() => simulator.close());

  it('let a create with tags end under a tag policy, and a later change pass', async () => {
    await admin.call('PUT', '/cluster/options', { 'user-tag-access': 'user-allow=list,user-allow-list=ok' });
    expect(await create(820, { tags: 'ok' })).toContain('403 Permission check failed (/, Sys.Modify for modifying tag');
    expect(simulator.guest(820)).toBeUndefined();
    expect(await create(820, {})).toBe('OK');
    expect(await client.call('PUT', '/nodes/pve1/qemu/820/config', { tags: 'ok' })).toMatchObject({ status: 200 });
  });

  it('keep a guest from its start whose mapped device is gone', async () => {
    const map = 'node=pve1,path=0000:01:00.0,id=10de:2204';
    await admin.call('POST', '/cluster/mapping/pci', { id: 'gpu', map });
    await create(820, {});
    await admin.call('PUT', '/nodes/pve1/qemu/820/config', { hostpci0: 'mapping=gpu' });
    expect(await start()).toBe('OK');
    await client.run('POST', '/nodes/pve1/qemu/820/status/stop');
    await admin.call('DELETE', '/cluster/mapping/pci/gpu');
    expect(await start()).toBe("PCI device mapping not found for 'gpu'");
  });

  it('ask for more memory than the node has only at the start', async () => {
    expect(await create(820, { memory: 64 * 1024 })).toBe('OK');
    expect(await start()).toBe('start failed: QEMU exited with code 1');
    expect(simulator.tasks()[0]?.log.join()).toContain('cannot set up guest memory');
  });

  it('show a password to those who may set it, as it came with the create call and as a hash after a change', async () => {
    await simulator.close();
    const { tokens, ...seed } = demoSeed();
    const view = { tokenid: 'view@pve!all', secret: 'view-only', privileges: { '/vms': ['VM.Audit'] } };
    simulator = await startSimulator({ ...options, seed: { ...seed, tokens: [...tokens, view] } });
    connect();
    const dump = async (caller = client) =>
      (await caller.call('GET', '/nodes/pve1/qemu/820/cloudinit/dump', { type: 'user' })).data;
    await create(820, { ide2: 'fast:cloudinit', cipassword: 'secret1', ipconfig0: 'ip=10.0.0.5/20,gw=10.0.0.1' });
    expect(await dump()).toContain('\npassword: secret1\n');
    expect(await dump(clientOf(simulator, 'view@pve!all=view-only'))).toContain('\npassword: **********\n');
    await client.call('PUT', '/nodes/pve1/qemu/820/config', { cipassword: 'secret2', net0: 'virtio,bridge=vmbr0' });
    expect(await dump()).toMatch(/\npassword: \$5\$/);
    const network = await client.call('GET', '/nodes/pve1/qemu/820/cloudinit/dump', { type: 'network' });
    expect(network.data).toContain("address: '10.0.0.5'\n        netmask: '255.255.240.0'");
  });

  it('outlive a restart with those of the datacenter', async () => {
    const stateFile = path.join(mkdtempSync(path.join(tmpdir(), 'simulator-')), 'state.json');
    const restart = async () => {
      await simulator.close();
      simulator = await startSimulator({ ...options, stateFile });
      connect();
    };
    await restart();
    await admin.call('PUT', '/cluster/options', { 'tag-style': 'case-sensitive=1' });
    await create(820, {});
    await restart();
    await client.call('PUT', '/nodes/pve1/qemu/820/config', { tags: 'Web' });
    expect(simulator.guest(820)?.config['tags']).toBe('Web');
  });
});
