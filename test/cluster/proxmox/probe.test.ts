import { describe, expect, it, onTestFinished } from 'vitest';
import { type Api, defaultTimeouts } from '../../../src/cluster/proxmox/api.ts';
import { Client } from '../../../src/cluster/proxmox/client.ts';
import { NoAnswer } from '../../../src/cluster/proxmox/errors.ts';
import { proxmoxProbe, readAddress } from '../../../src/cluster/proxmox/proxmox.ts';
import { NotAllowed } from '../../../src/health/health.ts';
import { serve } from '../../health/bench.ts';
import { aCluster, agentReady, aSimulator } from '../../health/on-simulator.ts';

/** An API whose guest agent tells these addresses. */
function telling(addresses: readonly string[]): Api {
  const result = [{ name: 'eth0', 'ip-addresses': addresses.map((address) => ({ 'ip-address': address })) }];
  const get = async (_: string, schema: { parse: (value: unknown) => unknown }) => schema.parse({ result });
  return { client: { get }, log: { debug: () => undefined, warn: () => undefined } } as unknown as Api;
}

const at = { guestKind: 'vm', vmid: 823, node: 'pve1' } as const;

it('what an agent tells is taken only where it is an address', async () => {
  const words = ['x'.repeat(1_000_000), 'metadata.internal', '10.0.0.1 <@everyone>', ''];
  expect(await readAddress(telling(words), at)).toBeUndefined();
  expect(await readAddress(telling([...words, 'fe80::1', '2001:db8::7', '10.0.0.7']), at)).toBe('10.0.0.7');
});

describe.each(['9.2.11', '8.4.1'])('the probe on Proxmox VE %s', (version) => {
  it('tells of a guest with an agent', async () => {
    const { probe } = await aCluster({ version });
    expect(await probe.running({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBe('running');
    await agentReady(probe);
    expect(await probe.agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBe('ok');
    expect(await probe.address({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBe('10.77.0.113');
  });

  it('takes an agent that does not run for an answer', async () => {
    const { probe } = await aCluster({ version, name: 'no-agent' });
    expect(await probe.agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBe('silent');
    expect(await probe.address({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBeUndefined();
  });

  it('takes a guest that does not run for an answer', async () => {
    const { probe, simulator } = await aCluster({ version });
    await simulator.outside({ do: 'power-off', vmid: 823 });
    expect(await probe.running({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBe('stopped');
    expect(await probe.agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBe('silent');
  });

  it.each(['paused', 'io-error', 'prelaunch'])('takes a VM that is %s for one that stands still', async (qmpstatus) => {
    const { probe, simulator } = await aCluster({ version });
    await simulator.outside({ do: 'pause', vmid: 823, qmpstatus });
    expect(await probe.running(at)).toEqual({ stands: qmpstatus });
  });

  it('takes a guest without an agent in its configuration for an answer', async () => {
    const { probe, simulator } = await aCluster({ version });
    await simulator.outside({ do: 'edit', vmid: 823, set: { agent: null } });
    expect(await probe.agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBe('absent');
  });

  it('names the privilege that is missing, and how to grant it', async () => {
    const { probe } = await aCluster({ version, without: ['VM.GuestAgent.Audit', 'VM.Monitor'] });
    const error: unknown = await probe
      .agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })
      .catch((thrown: unknown) => thrown);
    const privilege = version.startsWith('8') ? 'VM.Monitor' : 'VM.GuestAgent.Audit or VM.GuestAgent.Unrestricted';
    expect(error).toBeInstanceOf(NotAllowed);
    expect(error).toMatchObject({
      message: `The token may not ask for the health of the guest: ${privilege} is missing on /vms/823.`,
      next: expect.stringContaining('pveum acl modify /vms --roles'),
    });
  });

  it('names the privilege to look at a guest at all', async () => {
    const { probe } = await aCluster({ version, without: ['VM.Audit'] });
    await expect(probe.running({ guestKind: 'vm', vmid: 823, node: 'pve1' })).rejects.toThrow(
      'VM.Audit is missing on /vms/823',
    );
  });

  it('does not take a guest that is gone for one that is stopped', async () => {
    const { probe } = await aCluster({ version });
    await expect(probe.running({ guestKind: 'vm', vmid: 999, node: 'pve1' })).rejects.toThrow('does not exist');
    await expect(probe.agentPing({ guestKind: 'vm', vmid: 999, node: 'pve1' })).rejects.toThrow('does not exist');
  });
});

describe.each(['9.2.11', '8.4.1'])('the probe of a container on Proxmox VE %s', (version) => {
  const at = { guestKind: 'container', vmid: 823, node: 'pve1' } as const;

  it('tells that it runs and its address, as its host sees them, and asks for no agent', async () => {
    const requests: string[] = [];
    const { probe } = await aCluster({ version, kind: 'container' }, undefined, (path) => requests.push(path));
    expect(await probe.running(at)).toBe('running');
    expect(await probe.agentPing(at)).toBe('absent');
    expect(await probe.address(at)).toBe('10.77.0.113');
    expect(requests).toEqual(['status/current', 'interfaces'].map((end) => `/api2/json/nodes/pve1/lxc/823/${end}`));
  });

  it('takes one that does not run, or has no address yet, for an answer', async () => {
    const { probe, simulator } = await aCluster({ version, kind: 'container' });
    await simulator.outside({ do: 'power-off', vmid: 823 });
    expect(await probe.running(at)).toBe('stopped');
    expect(await probe.address(at)).toBeUndefined();
    const sick = await aCluster({ version, kind: 'container', name: 'sick' });
    expect(await sick.probe.running(at)).toBe('running');
    expect(await sick.probe.address(at)).toBeUndefined();
  });

  it('names the privilege to look at it at all', async () => {
    const { probe } = await aCluster({ version, kind: 'container', without: ['VM.Audit'] });
    await expect(probe.running(at)).rejects.toThrow('VM.Audit is missing on /vms/823');
  });

  it('does not take one that is gone for one that is stopped', async () => {
    const { probe } = await aCluster({ version, kind: 'container' });
    await expect(probe.running({ ...at, vmid: 999 })).rejects.toThrow('does not exist');
  });
});

describe('the probe', () => {
  /** An API that says the same to every question. */
  async function saying(status: number, reason: string) {
    const port = await serve((_, response) => response.writeHead(status, reason).end());
    const clock = { now: () => 0, sleep: async () => {} };
    const url = `http://127.0.0.1:${port}`;
    const client = new Client({ url, tokenId: 'proxnix@pve!bot', secret: 's', requestMs: 5000, ...clock });
    onTestFinished(() => client.close());
    const log = { debug() {}, warn() {} };
    const rest = {
      imageStorage: 'local',
      pool: undefined,
      stagingVmid: (vmid: number) => vmid,
      seenUpids: new Set<string>(),
      version: async () => '9.2.11',
    };
    return proxmoxProbe({ client, log, timeouts: defaultTimeouts, ...clock, ...rest });
  }

  it.each([
    "VM 823 qga command 'guest-ping' failed - got timeout",
    "VM 823 qmp command 'guest-ping' failed - got timeout",
    'QEMU guest agent is not running',
    'VM 823 is not running',
  ])('takes "%s" for a silent agent', async (reason) => {
    expect(await (await saying(500, reason)).agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })).toBe('silent');
  });

  it.each([
    [500, 'RPCEnvironment init request failed: Unable to load access control list: Connection refused'],
    [595, 'No route to host'],
    [401, 'Authentication failed!'],
  ])('does not take %i %s for an answer', async (status, reason) => {
    const probe = await saying(status, reason);
    await expect(probe.agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })).rejects.toThrow(reason);
    await expect(probe.running({ guestKind: 'vm', vmid: 823, node: 'pve1' })).rejects.toThrow(reason);
    await expect(probe.running({ guestKind: 'vm', vmid: 823, node: 'pve1' })).rejects.not.toBeInstanceOf(NotAllowed);
  });

  it('names a missing privilege even where Proxmox does not', async () => {
    const probe = await saying(403, 'Permission check failed');
    await expect(probe.agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })).rejects.toThrow(
      'The token may not ask for the health of the guest: Permission check failed.',
    );
  });

  it('leaves no doubt when the cluster is not there', async () => {
    const simulator = await aSimulator({});
    const { probe } = await aCluster({}, simulator);
    await simulator.close();
    await expect(probe.running({ guestKind: 'vm', vmid: 823, node: 'pve1' })).rejects.toBeInstanceOf(NoAnswer);
  });
});
