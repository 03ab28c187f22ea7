import { describe, expect, it, onTestFinished } from 'vitest';
import type { z } from 'zod';
import {
  CurrentStatus,
  ListedTask,
  Pending,
  Resources,
  StorageStatus,
  TaskList,
  TaskLog,
  Volumes,
} from '../../../src/cluster/proxmox/api.ts';
import { startFront } from '../../cli/support/front.ts';
import { openSimulated, seed } from './on-simulator.ts';

const guest = {
  type: 'qemu',
  vmid: 823,
  node: 'pve1',
  status: 'running',
  name: 'website',
  tags: 'proxnix',
  template: 0,
};
const node = { type: 'node', node: 'pve1', status: 'online', mem: 1, maxmem: 4 };
const storage = { type: 'storage', node: 'pve1', storage: 'local', status: 'available', shared: 0, content: 'import' };
const task = { upid: 'UPID:pve1:1:', type: 'imgcopy', id: '', starttime: 1, endtime: 2 };

/** A list, an entry of it as it usually comes, the same with other types, and what both mean. */
const lenient: readonly (readonly [string, z.ZodType, object, object, object])[] = [
  ['a guest named by digits', Resources, { ...guest, name: '42' }, { ...guest, name: 42 }, { name: '42' }],
  ['a guest tagged by digits', Resources, { ...guest, tags: '7' }, { ...guest, tags: 7 }, { tags: '7' }],
  ['a guest that is no template', Resources, guest, { ...guest, template: '' }, { template: 0 }],
  ['a template', Resources, { ...guest, template: 1 }, { ...guest, template: true }, { template: 1 }],
  ['a guest without a lock', Resources, guest, { ...guest, lock: null, tags: null, template: null }, { vmid: 823 }],
  ['a VMID as text', Resources, guest, { ...guest, vmid: '823' }, { vmid: 823 }],
  ['a container', Resources, { ...guest, type: 'lxc' }, { ...guest, type: 'lxc', name: 42 }, { type: 'lxc' }],
  ['a node', Resources, node, { ...node, mem: '1', maxmem: '4' }, { mem: 1, maxmem: 4 }],
  ['a node named by digits', Resources, { ...node, node: '1' }, { ...node, node: 1 }, { node: '1' }],
  ['a storage', Resources, storage, { ...storage, shared: '', content: null }, { storage: 'local', shared: 0 }],
  ['a task', TaskList, task, { ...task, id: 823, starttime: '1', endtime: '2' }, { starttime: 1, endtime: 2 }],
  ['a task that runs', TaskList, task, { ...task, endtime: null }, { upid: 'UPID:pve1:1:' }],
  ['a line of a log', TaskLog, { n: 1, t: '' }, { n: '1', t: null }, { n: 1, t: '' }],
  [
    'a volume',
    Volumes,
    { volid: 'a:b', size: 5, ctime: 6 },
    { volid: 'a:b', size: '5', ctime: '6' },
    { size: 5, ctime: 6 },
  ],
  [
    'a volume of unknown size',
    Volumes,
    { volid: 'a:b', size: 0 },
    { volid: 'a:b', size: null, ctime: null },
    { size: 0 },
  ],
  ['a key', Pending, { key: 'cores', value: '4' }, { key: 'cores', value: 4, pending: null }, { value: '4' }],
];

describe('an entry of a list', () => {
  it.each(lenient)('is read field by field: %s', (_, list, usual, odd, means) => {
    expect(list.parse([usual])).toMatchObject([means]);
    const [read] = list.parse([odd]) as object[];
    expect(read).toMatchObject(means);
  });

  it.each([
    ['a guest without a VMID', Resources, { ...guest, vmid: '' }, '0.vmid'],
    ['a guest on no node', Resources, { ...guest, node: null }, '0.node'],
    ['a guest whose name is a list', Resources, { ...guest, name: ['a'] }, '0.name'],
    ['a flag of another word', Resources, { ...guest, template: 'perhaps' }, '0.template'],
    ['a storage without a name', Resources, { ...storage, storage: null }, '0.storage'],
    ['a type that is no text', Resources, { ...guest, type: 1 }, '0.type'],
    ['an entry that is none', Resources, null, '0'],
    ['a task without a time', TaskList, { ...task, starttime: 'soon' }, '0.starttime'],
    ['a volume without a name', Volumes, { size: 1 }, '0.volid'],
    ['a key without a name', Pending, { value: 1 }, '0.key'],
  ] as const)('is an error with its path, never left out: %s', (_, list, entry, path) => {
    const read = list.safeParse([entry]);
    expect(read.error?.issues.map((issue) => issue.path.join('.'))).toContain(path);
  });

  it('of a type that is not used is passed over, whatever is in it', () => {
    expect(
      Resources.parse([
        { type: 'sdn', node: null },
        { type: 'pool', vmid: [] },
      ]),
    ).toEqual([{ type: 'other' }, { type: 'other' }]);
  });
});

it('what is asked for one by one is read in the same way', () => {
  expect(CurrentStatus.parse({ status: 'running', uptime: '5' })).toMatchObject({ status: 'running', uptime: 5 });
  expect(StorageStatus.parse({ content: 'import', avail: '5', active: '', enabled: '1' })).toEqual({
    ...{ type: '', content: 'import', avail: 5, active: 0, enabled: 1 },
  });
  expect(ListedTask.parse({ ...task, type: 1 }).type).toBe('1');
});

it('a guest whose name is a number is there, with its configuration', async () => {
  const config = { name: '42', memory: '512', tags: 'proxnix' };
  const world = await openSimulated(seed({ guests: [{ type: 'qemu', vmid: 823, node: 'pve1', config }] }));
  onTestFinished(() => world.close());
  const front = await startFront(world.simulator.url);
  const list = (await world.admin('GET', '/cluster/resources')) as readonly object[];
  const data = list.map((entry) => ('vmid' in entry ? { ...entry, name: 42, template: '' } : entry));
  front.answers.set('GET /api2/json/cluster/resources', { status: 200, body: { data } });
  const cluster = world.connect({ url: front.origin });
  const { guests } = await cluster.readState(new Set([823]));
  expect(guests).toMatchObject([{ vmid: 823, name: '42', template: false, config: { memoryMb: 512 } }]);
  front.answers.set('GET /api2/json/cluster/resources', { status: 200, body: { data: [{ ...guest, node: [] }] } });
  await expect(cluster.readState(new Set([823]))).rejects.toMatchObject({
    message: expect.stringContaining('in a form that proxnix does not know'),
    details: [expect.stringContaining('0.node')],
  });
});
