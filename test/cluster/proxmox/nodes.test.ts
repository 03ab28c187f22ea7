import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterMonitor, Precondition } from '../../../src/cluster/cluster.ts';
import type { DesiredVm } from '../../../src/core/guest.ts';
import type { StepSpec } from '../../../src/core/steps.ts';
import { stagingMarker } from '../../../src/core/tags.ts';
import type { Seed } from '../../../src/simulator/simulator.ts';
import { Story } from '../../contracts/cluster.ts';
import { anImage } from '../../support/builders.ts';
import { aGuest } from './a-guest.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { openSimulated } from './on-simulator.ts';
import { severalNodes } from './several-nodes.ts';

const silent: ClusterMonitor = { task() {}, progress() {}, line() {} };
const stagingVmid = 900_000_823;

const vm = (vmid: number, node: string, config: Record<string, string | number> = {}) =>
  ({ type: 'qemu', vmid, node, config: { name: `vm${vmid}`, memory: '512', tags: 'proxnix', ...config } }) as const;

/** A staging guest that a run left. */
const staging = (vmid: number, node: string) =>
  vm(vmid, node, { tags: 'proxnix;proxnix-pending', description: stagingMarker(823) });

function withoutRightOn(path: string): Seed {
  const from = severalNodes();
  const without = (rights: Readonly<Record<string, string[]>>) =>
    Object.fromEntries(Object.entries(rights).filter(([one]) => one !== path));
  return { ...from, tokens: from.tokens.map((token) => ({ ...token, privileges: without(token.privileges) })) };
}

async function start(from: Seed = severalNodes()) {
  const world = await openSimulated(from);
  onTestFinished(() => world.close());
  const { cluster, simulator, requests } = world;
  const upload = (letter: string, node: string) => cluster.upload(world.imageFile(letter), node, silent);
  const uploads = () => requests.filter((request) => request.startsWith('POST') && request.endsWith('/upload'));
  const writes = () => requests.filter((request) => !request.startsWith('GET '));
  const find = async (vmid: number) => (await cluster.readState(new Set())).guests.find((guest) => guest.vmid === vmid);
  const preconditionOf = async (vmid: number): Promise<Precondition> => {
    const guest = await find(vmid);
    if (guest?.config === undefined) throw new Error(`VM ${vmid} cannot be read`);
    const { kind: guestKind, node, config } = guest;
    return { guestKind, vmid, node, uuid: config.uuid ?? '', digest: config.digest };
  };
  return { world, cluster, simulator, requests, upload, uploads, writes, find, preconditionOf };
}

describe('what a plan is told of several nodes', () => {
  it('is the memory and the storages of each, and where images cannot go', async () => {
    const from = severalNodes({
      local: { nodes: ['pve1', 'pve2'] },
      fast: { nodes: ['pve2', 'pve3'] },
      slow: { shared: true },
    });
    const { cluster } = await start(from);
    const { nodes } = await cluster.readState(new Set());
    expect(nodes.map(({ node, storages }) => [node, storages])).toEqual([
      ['pve1', ['full', 'local', 'local-lvm', 'slow', 'vault']],
      ['pve2', ['fast', 'full', 'local', 'local-lvm', 'slow', 'vault']],
      ['pve3', ['fast', 'full', 'local-lvm', 'slow', 'vault']],
    ]);
    const memory = nodes.map(({ freeMemory }) => Math.round((freeMemory ?? 0) / 2 ** 30));
    expect(memory).toEqual([15, 31, 47]);
    expect(nodes.map(({ imageProblems }) => imageProblems === undefined)).toEqual([true, true, false]);
    expect(nodes[2]?.imageProblems?.vm).toContain('does not exist on node pve3');
    expect(nodes[2]?.imageProblems?.vm).toContain('pvesm set local --nodes pve1,pve2,pve3');
  });

  it.each([
    ['is disabled', severalNodes({ local: { enabled: false } })],
    ['may not be seen', withoutRightOn('/storage/local')],
  ])('names the right when the image storage %s, and never says only that it is not there', async (_, from) => {
    const { cluster } = await start(from);
    for (const { imageProblems } of (await cluster.readState(new Set())).nodes) {
      expect(imageProblems?.vm).toContain('on no node');
      expect(imageProblems?.vm).toContain('lacks Datastore.Audit');
      expect(imageProblems?.container).toBe(imageProblems?.vm);
    }
  });

  it('says what content is missing, as the upload itself would', async () => {
    const { world, cluster, uploads } = await start(severalNodes({ local: { content: ['vztmpl', 'iso'] } }));
    const [first] = (await cluster.readState(new Set())).nodes;
    expect(first?.imageProblems).toEqual({
      vm: 'The storage local does not take images of VMs (content import). Allow it: pvesm set local --content iso,vztmpl,import',
    });
    await expect(cluster.upload(world.imageFile('a'), 'pve1', silent)).rejects.toThrow('import');
    expect(uploads()).toEqual([]);
  });
});

describe('an image', () => {
  it('travels once to each node whose image storage is its own', async () => {
    const { upload, uploads, cluster } = await start();
    for (const node of ['pve1', 'pve2', 'pve1', 'pve2']) await upload('a', node);
    expect(uploads()).toEqual([
      'POST /api2/json/nodes/pve1/storage/local/upload',
      'POST /api2/json/nodes/pve2/storage/local/upload',
    ]);
    expect((await cluster.images()).map(({ nodes }) => nodes)).toEqual([['pve1'], ['pve2']]);
  });

  it('travels once to a storage that the nodes share', async () => {
    const { upload, uploads, cluster } = await start(severalNodes({ local: { shared: true } }));
    for (const node of ['pve2', 'pve1', 'pve3']) await upload('a', node);
    expect(uploads()).toEqual(['POST /api2/json/nodes/pve2/storage/local/upload']);
    expect((await cluster.images()).map(({ nodes }) => [...nodes].sort())).toEqual([['pve1', 'pve2', 'pve3']]);
  });

  it('whose answer was lost is followed on the node that took it in, wherever it goes', async () => {
    const proxies: LossyProxy[] = [];
    const world = await openSimulated(severalNodes(), (url) => {
      const proxy = new LossyProxy(url);
      proxies.push(proxy);
      return proxy.listen();
    });
    onTestFinished(async () => {
      await world.close();
      proxies[0]?.close();
    });
    proxies[0]?.lose({ method: 'POST', path: /upload$/, what: 'answer' });
    const { monitor, tasks } = new Story(world);
    await world.cluster.upload(world.imageFile('a'), 'pve2', monitor);
    expect(tasks).toEqual([expect.stringMatching(/^UPID:pve1:.*:imgcopy:/)]);
    expect(proxies[0]?.writes).toEqual(['POST /nodes/pve2/storage/local/upload']);
  });

  it('is not taken from another node: an import finds only what its own node has', async () => {
    const { upload, cluster, writes, requests } = await start();
    await upload('a', 'pve1');
    requests.length = 0;
    const at = { guestKind: 'vm', vmid: 823, node: 'pve2' } as const;
    const create = { ...at, kind: 'create', guest: aGuest(), tags: 'proxnix' } as const;
    await expect(cluster.perform(create, undefined, silent)).rejects.toThrow(
      'The image of test-website is not on the storage local of pve2.',
    );
    expect(writes()).toEqual([]);
  });
});

describe('a guest that was migrated since the last look', () => {
  const guest: DesiredVm = aGuest({ image: anImage('b'), memoryMb: 4096, storage: 'slow', diskGb: 3 });
  const facts: readonly (readonly [StepSpec['kind'], object])[] = [
    ['configure', { guest, tags: 'proxnix' }],
    ['move-disk', { guest }],
    ['resize', { guest }],
    ['import', { guest }],
    ['start', {}],
    ['stop', {}],
    ['restart', {}],
    ['prepare', { guest }],
    ['attach', { guest }],
    ['swap', { guest, tags: 'proxnix' }],
    ['rollback', { guest, volid: 'fast:823/vm-823-disk-1.qcow2' }],
    ['finish', { guest, tags: 'proxnix' }],
    ['free', { volids: ['fast:823/vm-823-disk-1.qcow2'] }],
    ['adopt', { tags: 'proxnix' }],
    ['destroy', {}],
    ['discard', { staging: false }],
  ];

  it.each(facts)('is not written to where it was: %s', async (kind, more) => {
    const { world, cluster, simulator, upload, requests, writes } = await start();
    const story = new Story(world);
    await story.make();
    await upload('b', 'pve1');
    await story.look();
    await simulator.outside({ do: 'migrate', vmid: 823, target: 'pve2' });
    const before = structuredClone(simulator.guests());
    requests.length = 0;
    const step = { guestKind: 'vm', vmid: 823, node: 'pve1', kind, ...more } as StepSpec;
    await expect(cluster.perform(step, story.precondition, silent)).rejects.toMatchObject({
      message: expect.stringMatching(/^VM 823 is not on pve1( any more\.|, but its VMID is still taken\.)$/),
      next: expect.stringContaining('Look at the fresh plan'),
    });
    expect(writes()).toEqual([]);
    expect(simulator.guests()).toEqual(before);
  });

  it('is found again where it is now, the same machine, and goes on there', async () => {
    const { world, simulator, preconditionOf, cluster } = await start();
    const story = new Story(world);
    const before = await story.make();
    await simulator.outside({ do: 'migrate', vmid: 823, target: 'pve2' });
    const precondition = await preconditionOf(823);
    expect(precondition).toMatchObject({ node: 'pve2', uuid: before.config?.uuid, digest: before.config?.digest });
    const at = { guestKind: 'vm', vmid: 823, node: 'pve2' } as const;
    const wanted = aGuest({ memoryMb: 4096 });
    await cluster.perform({ ...at, kind: 'configure', guest: wanted, tags: 'proxnix' }, precondition, silent);
    expect(simulator.guest(823)?.pending['memory']).toBe('4096');
  });

  it('between the list and its configuration is read where it is by then', async () => {
    const proxies: LossyProxy[] = [];
    const world = await openSimulated(severalNodes({}, { guests: [vm(200, 'pve1')] }), (url) => {
      const proxy = new LossyProxy(url);
      proxies.push(proxy);
      return proxy.listen();
    });
    onTestFinished(async () => {
      await world.close();
      proxies[0]?.close();
    });
    const meanwhile = () => world.simulator.outside({ do: 'migrate', vmid: 200, target: 'pve2' });
    proxies[0]?.lose({ method: 'GET', path: /\/200\/pending/, what: 'time', meanwhile });
    const { guests } = await world.cluster.readState(new Set());
    expect(guests.map(({ vmid, node, config }) => [vmid, node, config !== undefined])).toEqual([[200, 'pve2', true]]);
    expect(world.requests.filter((request) => request.endsWith('/cluster/resources'))).toHaveLength(2);
  });
});

describe('a node that is down', () => {
  const guests = [vm(200, 'pve1'), vm(201, 'pve2'), vm(202, 'pve2', { tags: 'prod' })];

  it('keeps its guests: unknown, not gone; and is asked nothing', async () => {
    const { simulator, cluster, requests, find } = await start(severalNodes({}, { guests }));
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    requests.length = 0;
    const { guests: found, nodes } = await cluster.readState(new Set([999]));
    expect(found.map(({ vmid, status, config }) => [vmid, status, config !== undefined])).toEqual([
      [200, 'stopped', true],
      [201, 'unknown', false],
      [202, 'unknown', false],
    ]);
    expect(nodes.map(({ online }) => online)).toEqual([true, false, true]);
    expect(requests.filter((request) => request.includes('/pve2/'))).toEqual([]);
    await simulator.outside({ do: 'node-up', node: 'pve2' });
    expect((await find(201))?.config).toBeDefined();
  });

  it('counts as down from its first 595 on, also when the cluster has not noticed', async () => {
    const many = Array.from({ length: 30 }, (_, index) => vm(300 + index, 'pve2'));
    const { simulator, cluster, requests } = await start(severalNodes({}, { guests: [vm(200, 'pve1'), ...many] }));
    await simulator.outside({ do: 'node-down', node: 'pve2', noticed: false });
    requests.length = 0;
    const { guests: found, nodes } = await cluster.readState(new Set());
    expect(nodes.map(({ online }) => online)).toEqual([true, false, true]);
    expect(found).toHaveLength(31);
    expect(found.filter(({ status }) => status === 'unknown')).toHaveLength(30);
    // Those under way at once, each asked three times; nobody waits for the other guests.
    expect(requests.filter((request) => request.includes('/pve2/')).length).toBeLessThanOrEqual(18);
  });

  it('has no images to list, and what it shares is there on the others', async () => {
    const { simulator, cluster, upload } = await start(severalNodes());
    await upload('a', 'pve1');
    await upload('a', 'pve2');
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    expect((await cluster.images()).map(({ nodes }) => nodes)).toEqual([['pve1']]);
  });

  it('fails a step with its name and what to look at', async () => {
    const { simulator, cluster, preconditionOf } = await start(severalNodes({}, { guests }));
    const precondition = await preconditionOf(201);
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    const start_ = { guestKind: 'vm', vmid: 201, node: 'pve2', kind: 'start' } as const;
    await expect(cluster.perform(start_, precondition, silent)).rejects.toMatchObject({
      message: expect.stringContaining('595 No route to host'),
      next: 'Node pve2 cannot be reached: check that it is up and its services run, then look at a fresh plan.',
    });
  });

  it('fails what was under way on it, and its task is not called gone', async () => {
    const { world, simulator, cluster, upload } = await start(
      severalNodes({}, { rates: { importBytesPerSecond: 1e6, statisticsSeconds: 0 } }),
    );
    await upload('a', 'pve2');
    const at = { guestKind: 'vm', vmid: 823, node: 'pve2' } as const;
    const precondition = await cluster.perform(
      { ...at, kind: 'create', guest: aGuest(), tags: 'proxnix' },
      undefined,
      silent,
    );
    const upids: string[] = [];
    const dying: ClusterMonitor = {
      ...silent,
      task: (upid) => {
        upids.push(upid);
        void simulator.outside({ do: 'node-down', node: 'pve2' });
      },
    };
    await expect(
      cluster.perform({ ...at, kind: 'import', guest: aGuest() }, precondition, dying),
    ).rejects.toMatchObject({
      message: 'GET /nodes/pve2/tasks/{upid}/status: 595 No route to host',
      next: expect.stringContaining('Node pve2 cannot be reached'),
    });
    expect(upids).toHaveLength(1);
    await simulator.outside({ do: 'node-up', node: 'pve2' });
    expect(await cluster.settle(upids[0] ?? '')).toEqual({ ok: false, text: 'unexpected status' });
    expect(world.requests.filter((request) => request.startsWith('DELETE'))).toEqual([]);
  });
});

describe('a staging guest that a run left', () => {
  const discard = (node: string) => ({ guestKind: 'vm', vmid: 823, node, kind: 'discard', staging: true }) as const;

  it('is cleaned up on its own node, wherever its owner is by now', async () => {
    const left = [staging(stagingVmid, 'pve1'), vm(823, 'pve2')];
    const { cluster, simulator } = await start(severalNodes({}, { guests: left }));
    await cluster.perform(discard('pve1'), undefined, silent);
    expect(simulator.guests().map(({ vmid }) => vmid)).toEqual([823]);
  });

  it('is found also when a VMID before its own is free again', async () => {
    const left = [staging(stagingVmid + 3, 'pve1'), vm(stagingVmid + 1, 'pve1', { description: 'somebody else' })];
    const { cluster, simulator } = await start(severalNodes({}, { guests: left }));
    await cluster.perform(discard('pve1'), undefined, silent);
    expect(simulator.guests().map(({ vmid }) => vmid)).toEqual([stagingVmid + 1]);
  });

  it('is not in the way of a replacement on the node its owner is on now, even when its own node is down', async () => {
    const { world, cluster, simulator, upload, preconditionOf } = await start(
      severalNodes({}, { guests: [staging(stagingVmid, 'pve2')] }),
    );
    const story = new Story(world);
    await story.make();
    await upload('b', 'pve1');
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    const guest = aGuest({ image: anImage('b') });
    const at = { guestKind: 'vm', vmid: 823, node: 'pve1' } as const;
    await cluster.perform({ ...at, kind: 'prepare', guest }, await preconditionOf(823), silent);
    expect(simulator.guest(stagingVmid + 1)).toMatchObject({ node: 'pve1' });
    await cluster.perform({ ...at, kind: 'attach', guest }, await preconditionOf(823), silent);
    expect(simulator.guests().map(({ vmid, node }) => [vmid, node])).toEqual([
      [823, 'pve1'],
      [stagingVmid, 'pve2'],
    ]);
  });

  it('is deleted with all its like on the node before the next one is made', async () => {
    const left = [staging(stagingVmid, 'pve1'), staging(stagingVmid + 2, 'pve1')];
    const { world, cluster, simulator, upload, preconditionOf } = await start(severalNodes({}, { guests: left }));
    const story = new Story(world);
    await story.make();
    await upload('b', 'pve1');
    const stage = { guestKind: 'vm', vmid: 823, node: 'pve1', kind: 'prepare', guest: aGuest({ image: anImage('b') }) };
    await cluster.perform(stage as StepSpec, await preconditionOf(823), silent);
    expect(simulator.guests().map(({ vmid }) => vmid)).toEqual([823, stagingVmid]);
  });
});
