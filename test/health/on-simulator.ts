import { setTimeout } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';
import { defaultTimeouts } from '../../src/cluster/proxmox/api.ts';
import { Client } from '../../src/cluster/proxmox/client.ts';
import { proxmoxProbe } from '../../src/cluster/proxmox/proxmox.ts';
import type { GuestKind } from '../../src/core/guest.ts';
import type { GuestProbe } from '../../src/health/health.ts';
import { demoSeed, type Seed, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';

const timeScale = 0.01;
const tokenId = 'proxnix@pve!bot';
const volid = 'fast:823/vm-823-disk-0.qcow2';

export interface ClusterFacts {
  readonly version?: string;
  /** Absent: a VM. */
  readonly kind?: GuestKind;
  /** The guest's name; the simulator reads its character from it. */
  readonly name?: string;
  /** Privileges that the token lacks. */
  readonly without?: readonly string[];
}

/** A simulator with the guest 823, a VM that runs an image with an agent or a container. */
export async function aSimulator(facts: ClusterFacts): Promise<Simulator> {
  return startSimulator({ seed: seed(facts), timeScale });
}

/** A probe of guests on such a simulator. */
export async function aCluster(facts: ClusterFacts, given?: Simulator, onRequest: (path: string) => void = () => {}) {
  const from = seed(facts);
  const simulator = given ?? (await startSimulator({ seed: from, timeScale, requests: ({ path }) => onRequest(path) }));
  const sleep = (ms: number) => setTimeout(ms * timeScale, undefined);
  const secret = from.tokens.find((token) => token.tokenid === tokenId)?.secret ?? '';
  const client = new Client({ url: simulator.url, tokenId, secret, requestMs: 5000, now: Date.now, sleep });
  onTestFinished(async () => {
    client.close();
    if (given === undefined) await simulator.close();
  });
  const log = { debug() {}, warn() {} };
  const rest = {
    imageStorage: 'local',
    pool: undefined,
    stagingVmid: (vmid: number) => vmid,
    seenUpids: new Set<string>(),
    version: async () => '9.2.11',
  };
  const probe = proxmoxProbe({ client, log, timeouts: defaultTimeouts, now: Date.now, sleep, ...rest });
  return { simulator, probe };
}

/** A guest's agent answers some time after its start. */
export async function agentReady(probe: GuestProbe): Promise<void> {
  await vi.waitUntil(async () => (await probe.agentPing({ guestKind: 'vm', vmid: 823, node: 'pve1' })) === 'ok', 5000);
}

function seed({ version = '9.2.11', kind = 'vm', name = 'test-website', without = [] }: ClusterFacts): Seed {
  const base = demoSeed();
  const has = (privilege: string) => !without.includes(privilege);
  const renamed = (privilege: string) =>
    version.startsWith('8') && privilege === 'VM.GuestAgent.Audit' ? 'VM.Monitor' : privilege;
  const tokens = base.tokens.map((token) => ({
    ...token,
    privileges: Object.fromEntries(
      Object.entries(token.privileges).map(([path, names]) => [path, names.map(renamed).filter(has)]),
    ),
  }));
  const config = {
    ...{ name, memory: 2048, agent: 1, boot: 'order=scsi0', scsi0: `${volid},size=1G`, tags: 'proxnix' },
    net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr0',
  };
  return {
    ...base,
    version,
    tokens,
    volumes: [
      { volid, content: 'images', format: 'qcow2', size: 65_536, virtualSize: 2 ** 30, boots: true, agent: true },
    ],
    guests: [
      kind === 'vm'
        ? { type: 'qemu', vmid: 823, node: 'pve1', config, running: true }
        : { type: 'lxc', vmid: 823, node: 'pve1', config: containerConfig(name), running: true },
    ],
  };
}

function containerConfig(hostname: string) {
  return {
    ...{ hostname, memory: 512, unprivileged: 1, rootfs: `${volid},size=1G`, tags: 'proxnix' },
    net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth',
  };
}
