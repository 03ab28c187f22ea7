import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { mapLimit } from '../../../src/cluster/proxmox/state.ts';
import type { LiveGuest } from '../../../src/core/live.ts';
import { createPlan } from '../../../src/core/plan.ts';
import { startFront } from '../../cli/support/front.ts';
import { Story } from '../../contracts/cluster.ts';
import { aGoal, aGuest } from '../../support/builders.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { openSimulated, type SimulatedWorld, seed } from './on-simulator.ts';

async function start(from = seed(), proxy?: (url: string) => Promise<string>): Promise<SimulatedWorld> {
  const world = await openSimulated(from, proxy);
  onTestFinished(() => world.close());
  return world;
}

const vm = (vmid: number, config: Record<string, string | number> = {}, node = 'pve1') =>
  ({ type: 'qemu', vmid, node, config: { name: `vm${vmid}`, memory: '512', ...config } }) as const;

describe('reading the cluster', () => {
  it('takes one call and one for each guest that is ours or wanted; the first time one for the version', async () => {
    const ours = Array.from({ length: 20 }, (_, index) => ({ ...vm(200 + index, { tags: 'proxnix' }), running: true }));
    const world = await start(seed({ guests: [...ours, { ...vm(300), running: true }, vm(301)] }));
    await world.cluster.readState(new Set([300, 999]));
    // One more for a wanted guest that is not in the list.
    expect(world.requests).toHaveLength(1 + 1 + 21 + 1);
    expect(world.requests.filter((request) => request.endsWith('/version'))).toHaveLength(1);
    world.requests.length = 0;
    const state = await world.cluster.readState(new Set([300, 999]));
    expect(state.guests).toHaveLength(22);
    expect(state.guests.filter((guest) => guest.config !== undefined)).toHaveLength(21);
    expect(world.requests).toHaveLength(1 + 21 + 1);
    world.requests.length = 0;
    expect((await world.cluster.readState(new Set([300]))).hidden).toBeUndefined();
    expect(world.requests).toHaveLength(1 + 21);
  });

  it('names the VMIDs that guests have which a token for a pool does not see', async () => {
    const tokens = seed().tokens.map(({ privileges, ...token }) => {
      const { '/vms': _, ...rest } = privileges;
      return { ...token, privileges: rest };
    });
    const foreign = { ...vm(820), pool: 'others' };
    const world = await start(seed({ tokens, pools: ['proxnix', 'others'], guests: [foreign] }));
    const confined = world.connect({ pool: 'proxnix' });
    const state = await confined.readState(new Set([820, 821]));
    expect(state.guests).toEqual([]);
    expect(state.hidden).toEqual([820]);
    const plan = createPlan(
      aGoal({ guests: [aGuest({ vmid: 820, storage: 'fast' }), aGuest({ vmid: 821, name: 'free', storage: 'fast' })] }),
      state,
    );
    expect(plan.changes.map(({ vmid, blocked }) => [vmid, blocked?.reason])).toEqual([
      [820, 'not-ours'],
      [821, undefined],
    ]);
    expect(plan.changes[0]?.blocked?.advice).toContain('VMID 820 is taken by a guest that the token cannot see');
  });

  it('takes the name from the configuration: the list tells an old one for 10 s', async () => {
    const world = await start(seed({ guests: [vm(200, { tags: 'proxnix', name: 'first' })] }));
    await world.admin('PUT', '/nodes/pve1/qemu/200/config', { name: 'second' });
    expect((await world.cluster.readState(new Set())).guests[0]?.name).toBe('second');
  });

  it('names the state of QEMU of a VM that stands still, which the list alone calls paused', async () => {
    const rates = { importBytesPerSecond: 1e9, statisticsSeconds: 0 };
    const world = await start(seed({ rates, guests: [{ ...vm(200, { tags: 'proxnix' }), running: true }] }));
    const read = async () => (await world.cluster.readState(new Set([200]))).guests[0];
    expect((await read())?.paused).toBeUndefined();
    await world.simulator.outside({ do: 'pause', vmid: 200, qmpstatus: 'io-error' });
    expect(await read()).toMatchObject({ status: 'running', paused: 'io-error' });
    expect((await world.cluster.list())[0]).toMatchObject({ status: 'running', paused: 'io-error' });
    await world.admin('POST', '/nodes/pve1/qemu/200/status/resume');
    expect((await read())?.paused).toBeUndefined();
  });

  it('asks for the state of a guest that is too young for the list', async () => {
    const world = await start(seed({ rates: { importBytesPerSecond: 1e9, statisticsSeconds: 1000 } }));
    await world.admin('POST', '/nodes/pve1/qemu', { vmid: 200, name: 'young' });
    await world.admin('PUT', '/nodes/pve1/qemu/200/config', { tags: 'proxnix' });
    expect((await world.cluster.readState(new Set())).guests[0]?.status).toBe('stopped');
  });

  it('asks the node for the state of what the list does not call running: it tells an old one for 10 s', async () => {
    const world = await start(seed({ guests: [vm(200, { tags: 'proxnix' }), vm(201, { tags: 'proxnix' })] }));
    const front = await startFront(world.simulator.url);
    const data = await world.admin('GET', '/cluster/resources');
    front.answers.set('GET /api2/json/cluster/resources', { status: 200, body: { data } });
    await world.admin('POST', '/nodes/pve1/qemu/201/status/start');
    const { guests } = await world.connect({ url: front.origin }).readState(new Set());
    expect(guests.map(({ vmid, status }) => `${vmid} ${status}`)).toEqual(['200 stopped', '201 running']);
  });

  it.each(['vm', 'container'] as const)('is not taken for down while the statistics hang: %s', async (kind) => {
    const type = kind === 'vm' ? 'qemu' : 'lxc';
    const guest = (vmid: number, tags: string, running: boolean) =>
      ({ type, vmid, node: 'pve1', config: { tags, memory: 512 }, running }) as const;
    const guests = [guest(200, 'proxnix', true), guest(201, 'proxnix', false), guest(202, 'theirs', true)];
    const world = await start(seed({ guests }));
    const told = (live: readonly LiveGuest[]) => live.map(({ vmid, status }) => `${vmid} ${status}`);
    await world.simulator.outside({ do: 'statistics-down' });
    const live = await world.cluster.readState(new Set());
    expect(told(live.guests)).toEqual(['200 running', '201 stopped', '202 unknown']);
    expect(live.guests.map(({ config }) => config !== undefined)).toEqual([true, true, false]);
    expect(live.nodes).toMatchObject([{ node: 'pve1', online: true, storages: expect.arrayContaining(['fast']) }]);
    expect(live.nodes[0]?.imageProblems).toBeUndefined();
    expect(told(await world.cluster.list())).toEqual(['200 running', '201 stopped', '202 unknown']);
    expect(await world.cluster.images()).toEqual([]);
    await world.simulator.outside({ do: 'statistics-up' });
    expect(told(await world.cluster.list())).toEqual(['200 running', '201 stopped', '202 running']);
  });

  it('is taken for down when it does not answer while the statistics hang', async () => {
    const nodes = [...seed().nodes, { node: 'pve2', ip: '10.77.0.2', maxcpu: 8, maxmem: 1e9 }];
    const world = await start(
      seed({ nodes, guests: [vm(200, { tags: 'proxnix' }), vm(201, { tags: 'proxnix' }, 'pve2')] }),
    );
    await world.simulator.outside({ do: 'statistics-down' });
    await world.simulator.outside({ do: 'node-down', node: 'pve2', noticed: false });
    const live = await world.cluster.readState(new Set());
    expect(live.nodes.map(({ online }) => online)).toEqual([true, false]);
    expect(live.guests.map(({ status, config }) => [status, config !== undefined])).toEqual([
      ['stopped', true],
      ['unknown', false],
    ]);
    expect((await world.cluster.list()).map(({ status }) => status)).toEqual(['stopped', 'unknown']);
  });

  it('keeps the guests of a node that is down: unknown, without configuration, not gone', async () => {
    const nodes = [
      ...seed().nodes,
      { node: 'pve2', ip: '10.77.0.2', maxcpu: 8, maxmem: 1e9, unreachable: 'No route to host' },
    ];
    const world = await start(
      seed({ nodes, guests: [vm(200, { tags: 'proxnix' }), vm(201, { tags: 'proxnix' }, 'pve2')] }),
    );
    const { guests } = await world.cluster.readState(new Set());
    expect(guests.map(({ vmid, status, config }) => [vmid, status, config !== undefined])).toEqual([
      [200, 'stopped', true],
      [201, 'unknown', false],
    ]);
  });

  it('reads again when a guest goes between the list and its configuration', async () => {
    const proxies: LossyProxy[] = [];
    const world = await start(seed({ guests: [vm(200, { tags: 'proxnix' }), vm(201, { tags: 'proxnix' })] }), (url) => {
      const proxy = new LossyProxy(url);
      proxies.push(proxy);
      return proxy.listen();
    });
    onTestFinished(() => proxies[0]?.close());
    const meanwhile = () => world.remove(200);
    proxies[0]?.lose({ method: 'GET', path: /\/200\/pending/, what: 'request', meanwhile });
    expect((await world.cluster.readState(new Set())).guests.map((guest) => guest.vmid)).toEqual([201]);
    expect(world.requests.filter((request) => request.endsWith('/cluster/resources'))).toHaveLength(2);
  });

  it('shows a container as one, of which nothing else is there while it is made', async () => {
    const container = { type: 'lxc', vmid: 202, node: 'pve1', config: { hostname: 'ct', tags: 'proxnix' } } as const;
    const world = await start(seed({ guests: [container] }));
    const [guest] = (await world.cluster.readState(new Set([202]))).guests;
    expect(guest).toMatchObject({ kind: 'container', vmid: 202, tags: ['proxnix'] });
  });

  it('shows a guest whose creation was cut off before its tags as it is', async () => {
    const world = await start(seed({ guests: [vm(823, { description: 'proxnix makes guest 823' })] }));
    const [guest] = (await world.cluster.readState(new Set([823]))).guests;
    expect(guest).toMatchObject({ tags: [], config: { description: 'proxnix makes guest 823', disks: {} } });
  });

  it('shows locks and templates', async () => {
    const world = await start(seed({ guests: [vm(200, { tags: 'proxnix', template: 1, lock: 'backup' })] }));
    const [guest] = (await world.cluster.readState(new Set())).guests;
    expect(guest).toMatchObject({ lock: 'backup', template: true });
  });

  it('is refused with a wrong token in words that name the token and not its secret', async () => {
    const world = await start();
    const error = await world
      .connect({ secret: 'canary-secret' })
      .readState(new Set())
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 401, next: expect.stringContaining('proxnix@pve!bot') });
    expect(JSON.stringify(error)).not.toContain('canary');
  });

  it('tells how long a guest that is ours and not wanted has been running, where it is asked', async () => {
    const world = await start();
    const story = new Story(world);
    await story.make();
    await vi.waitFor(async () => {
      const { guests } = await world.cluster.readState(new Set(), { unused: true });
      expect(guests[0]?.uptimeS).toBeGreaterThan(0);
    }, 10_000);
    const asked = [
      await world.cluster.readState(new Set([823]), { unused: true }),
      await world.cluster.readState(new Set()),
    ];
    expect(asked.map(({ guests }) => guests[0]?.uptimeS)).toEqual([undefined, undefined]);
  });

  it('tells the memory and the storages of a node only as far as the token may see them', async () => {
    const [bot, ...others] = seed().tokens;
    if (bot === undefined) throw new Error('no token');
    const world = await start(
      seed({ tokens: [{ ...bot, privileges: { '/storage/fast': ['Datastore.Audit'] } }, ...others] }),
    );
    const { nodes } = await world.cluster.readState(new Set());
    expect(nodes).toMatchObject([{ node: 'pve1', online: true, storages: ['fast'] }]);
    expect(nodes[0]?.freeMemory).toBeUndefined();
    const all = (await new Story(await start()).world.cluster.readState(new Set())).nodes[0];
    expect(all?.freeMemory).toBeGreaterThan(0);
    expect(all?.memory).toBeGreaterThanOrEqual(all?.freeMemory ?? 0);
    expect(nodes[0]?.memory).toBeUndefined();
    expect(all?.imageProblems).toBeUndefined();
  });
});

it('no more than the limit is under way, and results keep the order of the items', async () => {
  let [now, most] = [0, 0];
  const results = await mapLimit([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++now);
    for (let turn = 0; turn < item; turn++) await setImmediate();
    now--;
    return item * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
});

it('the first failure is the answer', async () => {
  await expect(mapLimit([1, 2], 2, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
});
