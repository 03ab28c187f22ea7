import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Timeouts } from '../../../src/cluster/proxmox/api.ts';
import { ProxmoxCluster, type ProxmoxOptions } from '../../../src/cluster/proxmox/proxmox.ts';
import { demoSeed, type Seed, type Simulator, startSimulator } from '../../../src/simulator/simulator.ts';
import type { World } from '../../contracts/cluster.ts';
import { anImage } from '../../support/builders.ts';

/** The part of the real waits that the simulator and the adapter wait here. */
const timeScale = 0.02;

/** Between the looks at a task it is a matter of milliseconds here; the rest is what a test may wait for. */
export const quick: Partial<Timeouts> = {
  pollMs: [100, 250, 500],
  logMs: 250,
  busyMs: 2000,
  startMs: 300,
  haMs: 3000,
  haDelayMs: 1000,
  shutdownMs: 20_000,
  requestMs: 5000,
};

/** A storage that holds disks, one that holds images and one that holds neither are in the demo's cluster already. */
export function seed(change: Partial<Seed> = {}): Seed {
  const base = demoSeed();
  const fast = base.storages.find((storage) => storage.storage === 'fast');
  if (fast === undefined) throw new Error('the demo has no storage fast');
  const tokens = base.tokens.map((token) => {
    const ofGuests = token.privileges['/vms'];
    return {
      ...token,
      privileges: {
        ...token.privileges,
        '/storage/slow': ['Datastore.AllocateSpace', 'Datastore.Audit'],
        '/storage/vault': ['Datastore.AllocateSpace', 'Datastore.Audit'],
        ...(ofGuests === undefined ? {} : { '/vms': [...ofGuests, 'VM.Backup'] }),
        '/sdn/zones/localnetwork/vmbr1': ['SDN.Use'],
      },
    };
  });
  const rates = { importBytesPerSecond: 1e10, statisticsSeconds: 0 };
  return {
    ...base,
    rates,
    tokens,
    storages: [
      ...base.storages,
      { ...fast, storage: 'slow', path: '/mnt/slow' },
      { ...fast, storage: 'vault', path: '/mnt/vault', content: ['backup'] },
    ],
    bridges: [...base.bridges, { iface: 'vmbr1', node: 'pve1' }],
    ...change,
  };
}

/** The same on PVE 8.4, where the agent's privilege has another name. */
export function seed8(change: Partial<Seed> = {}): Seed {
  const text = JSON.stringify(seed({ version: '8.4.1', ...change })).replaceAll('VM.GuestAgent.Audit', 'VM.Monitor');
  return JSON.parse(text) as Seed;
}

/** The adapter against the simulator, and an administrator beside it. */
export interface SimulatedWorld extends World {
  readonly simulator: Simulator;
  readonly cluster: ProxmoxCluster;
  /** Requests of the bot since the last call of `clear`: `GET /nodes`. */
  readonly requests: string[];
  /** A call with all rights; it waits for the task unless told not to. */
  admin(method: string, path: string, params?: Record<string, string | number>, wait?: boolean): Promise<unknown>;
  /** Another adapter for the same cluster. */
  connect(change: Partial<ProxmoxOptions>): ProxmoxCluster;
}

export async function openSimulated(
  from: Seed = seed(),
  proxy?: (url: string) => Promise<string>,
): Promise<SimulatedWorld> {
  const requests: string[] = [];
  const simulator = await startSimulator({
    seed: from,
    timeScale,
    requests: ({ method, path }) => void requests.push(`${method} ${path.split('?')[0]}`),
  });
  const folder = mkdtempSync(join(tmpdir(), 'proxnix-images-'));
  const options: ProxmoxOptions = {
    url: proxy === undefined ? simulator.url : await proxy(simulator.url),
    tokenId: 'proxnix@pve!bot',
    secret: secretOf(from, 'proxnix@pve!bot'),
    imageStorage: 'local',
    sleep: (ms) => setTimeout(ms * timeScale, undefined),
    timeouts: quick,
  };
  const cluster = new ProxmoxCluster(options);
  const clusters = [cluster];
  const admin: SimulatedWorld['admin'] = async (method, path, params = {}, wait = true) => {
    const form = new URLSearchParams();
    for (const [key, value] of Object.entries(params)) form.set(key, String(value));
    const inQuery = method === 'GET' || method === 'DELETE';
    const response = await fetch(`${simulator.url}/api2/json${path}${inQuery ? `?${form}` : ''}`, {
      method,
      headers: { authorization: `PVEAPIToken=admin@pve!all=${secretOf(from, 'admin@pve!all')}` },
      ...(inQuery ? {} : { body: form }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    const { data } = JSON.parse(text) as { data: unknown };
    if (wait && typeof data === 'string' && data.startsWith('UPID:')) await cluster.settle(data);
    return data;
  };
  const pathOf = (vmid: number) => `/nodes/pve1/${simulator.guest(vmid)?.type ?? 'qemu'}/${vmid}`;
  const remove = async (vmid: number) => {
    const path = pathOf(vmid);
    // A container that is stopped already refuses.
    if (simulator.guest(vmid)?.startedAt !== undefined) await admin('POST', `${path}/status/stop`);
    await admin('DELETE', path, { purge: 1 });
  };
  return {
    simulator,
    cluster,
    requests,
    admin,
    connect(change) {
      const another = new ProxmoxCluster({ ...options, ...change });
      clusters.push(another);
      return another;
    },
    imageFile: (letter, kind = 'vm') => (kind === 'vm' ? diskFile(folder, letter) : tarball(folder, letter)),
    async edit(vmid, { memoryMb, tags, protected: protection }) {
      await admin('PUT', `${pathOf(vmid)}/config`, {
        ...(memoryMb === undefined ? {} : { memory: memoryMb }),
        ...(tags === undefined ? {} : { tags }),
        ...(protection === undefined ? {} : { protection: Number(protection) }),
      });
    },
    async recreate(vmid) {
      const path = pathOf(vmid);
      const config = (await admin('GET', `${path}/config`)) as Record<string, string>;
      await remove(vmid);
      const unique = ['digest', 'smbios1', 'vmgenid', 'meta', 'scsi0', 'boot', 'arch', 'lock'];
      const same = Object.fromEntries(Object.entries(config).filter(([key]) => !unique.includes(key)));
      const ofContainer = {
        net0: (same['net0'] ?? '').replace(/,?hwaddr=[^,]+/, ''),
        rootfs: 'fast:2',
        ostemplate: `local:vztmpl/proxnix-${'a'.repeat(32)}.tar.xz`,
      };
      const params = { vmid, ...same, ...(path.includes('/lxc/') ? ofContainer : {}) };
      await admin('POST', path.slice(0, path.lastIndexOf('/')), params);
    },
    remove,
    async stop(vmid) {
      await admin('POST', `${pathOf(vmid)}/status/stop`);
    },
    async close() {
      for (const one of clusters) await one.close();
      await simulator.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export function secretOf({ tokens }: Seed, tokenId: string): string {
  const token = tokens.find((one) => one.tokenid === tokenId);
  if (token === undefined) throw new Error(`no token ${tokenId}`);
  return token.secret;
}

/** A qcow2 file that is nothing but its header: 1 GiB of zeros for the guest. */
function diskFile(folder: string, letter: string) {
  const path = join(folder, `${letter}.qcow2`);
  const bytes = Buffer.alloc(65_536);
  bytes.writeUInt32BE(0x514649fb, 0);
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20);
  bytes.writeBigUInt64BE(2n ** 30n, 24);
  bytes.writeUInt32BE(104, 100);
  writeFileSync(path, bytes);
  return { image: anImage(letter), path, size: bytes.length, virtualSize: 2 ** 30 };
}

/** The simulator does not look into a tarball. */
function tarball(folder: string, letter: string) {
  const path = join(folder, `${letter}.tar.xz`);
  writeFileSync(path, Buffer.alloc(4096, letter));
  return { image: anImage(letter, 'container'), path, size: 4096 };
}
