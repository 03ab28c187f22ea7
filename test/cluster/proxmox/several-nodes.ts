import type { Seed } from '../../../src/simulator/simulator.ts';
import { seed } from './on-simulator.ts';

const gib = 2 ** 30;

/** The storages of the demo's cluster, changed by name. */
type Storages = Readonly<Record<string, Partial<Seed['storages'][number]>>>;

/** pve1 to pve3, which has the most memory. Every storage is each node's own, unless changed. */
export function severalNodes(storages: Storages = {}, change: Partial<Seed> = {}): Seed {
  const base = seed();
  const [node] = base.nodes;
  const [bridge] = base.bridges;
  if (node === undefined || bridge === undefined) throw new Error('the demo has neither node nor bridge');
  const names = ['pve1', 'pve2', 'pve3'];
  return {
    ...base,
    nodes: names.map((name, index) => ({
      ...{ ...node, node: name, ip: `10.77.0.${index + 1}`, maxmem: (index + 1) * 16 * gib },
    })),
    bridges: names.map((name) => ({ ...bridge, node: name })),
    storages: base.storages.map((one) => ({ ...one, ...storages[one.storage] })),
    ...change,
  };
}
