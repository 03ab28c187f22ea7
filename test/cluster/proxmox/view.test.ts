import { describe, expect, it, onTestFinished } from 'vitest';
import { openSimulated } from './on-simulator.ts';
import { severalNodes } from './several-nodes.ts';

const gib = 2 ** 30;

async function start(from = severalNodes({ slow: { shared: true } })) {
  const world = await openSimulated(from);
  onTestFinished(() => world.close());
  return world;
}

describe('what people see of several nodes', () => {
  it('is the memory of each, and a shared storage once', async () => {
    const { cluster, requests } = await start();
    await cluster.view();
    requests.length = 0;
    const { nodes, storages } = await cluster.view();
    expect(requests).toEqual(['GET /api2/json/cluster/resources']);
    expect(nodes.map(({ node, memory }) => [node, memory?.total])).toEqual([
      ['pve1', 16 * gib],
      ['pve2', 32 * gib],
      ['pve3', 48 * gib],
    ]);
    expect(storages.filter(({ storage }) => storage === 'slow').map((one) => one.nodes)).toEqual([
      ['pve1', 'pve2', 'pve3'],
    ]);
    expect(storages.filter(({ storage }) => storage === 'fast').map((one) => one.nodes)).toEqual([
      ['pve1'],
      ['pve2'],
      ['pve3'],
    ]);
    expect(storages.every(({ type, space }) => type !== '' && (space?.total ?? 0) > 0)).toBe(true);
  });

  it('is of a node that is down no more than that, and a shared storage as another node sees it', async () => {
    const { cluster, simulator } = await start();
    await simulator.outside({ do: 'node-down', node: 'pve2' });
    const { nodes, storages } = await cluster.view();
    expect(nodes.find(({ node }) => node === 'pve2')).toEqual({
      node: 'pve2',
      online: false,
      url: expect.stringContaining('#v1:0:=node%2Fpve2'),
    });
    expect(storages.find(({ storage }) => storage === 'slow')?.space).toBeDefined();
    expect(storages.find(({ storage, nodes: on }) => storage === 'fast' && on[0] === 'pve2')?.space).toBeUndefined();
  });
});
