import { describe, expect, it, onTestFinished } from 'vitest';
import type { z } from 'zod';
import type { Api } from '../../../src/cluster/proxmox/api.ts';
import { imageProblemsOn, listImages } from '../../../src/cluster/proxmox/images.ts';
import type { ProxmoxOptions } from '../../../src/cluster/proxmox/proxmox.ts';
import { startFront } from '../../cli/support/front.ts';
import { openSimulated, seed } from './on-simulator.ts';

it('only files that proxnix named after a store hash are images of ours', async () => {
  const hash = 'a'.repeat(32);
  const ours = [`local:import/proxnix-${hash}.qcow2`, `local:vztmpl/proxnix-${hash}.tar.xz`];
  const theirs = [
    'local:import/debian-13.qcow2',
    'local:import/proxnix-golden.qcow2',
    `local:iso/proxnix-${hash}.iso`,
    `local:import/old-proxnix-${hash}.qcow2`,
  ];
  const answers: Readonly<Record<string, unknown>> = {
    '/cluster/resources': [
      { type: 'storage', id: 'storage/pve1/local', storage: 'local', node: 'pve1', status: 'available', shared: 0 },
    ],
    '/nodes/pve1/storage/local/content': [...theirs, ...ours].map((volid) => ({ volid, size: 1, ctime: 1 })),
  };
  const get = async (path: string, schema: z.ZodType) => schema.parse(answers[path]);
  const api = { imageStorage: 'local', client: { get } } as unknown as Api;
  expect((await listImages(api)).map(({ volid }) => volid)).toEqual(ours);
});

type Storages = Parameters<typeof imageProblemsOn>[1];

const storage = (change: Partial<Storages[number]> = {}): Storages[number] => ({
  ...{ type: 'storage', node: 'pve1', storage: 'local', status: 'available', shared: 0, content: 'vztmpl,import,iso' },
  ...{ plugintype: 'dir', disk: undefined, maxdisk: undefined },
  ...change,
});
const on = (storages: Storages, version = '9.2.11', node = 'pve1') =>
  imageProblemsOn(node, storages, { imageStorage: 'local', version });

describe('images can be brought to a node', () => {
  it('whose image storage is active and takes them, whatever other storages are like', () => {
    expect(on([storage({ storage: 'slow', content: 'iso', status: 'unknown' }), storage()])).toBeUndefined();
    expect(on([storage()], '8.4.0')).toBeUndefined();
    expect(on([storage()], '10.0')).toBeUndefined();
  });

  it('for one kind of guest and not for the other', () => {
    expect(on([storage({ content: 'vztmpl' })])).toEqual({
      vm: 'The storage local does not take images of VMs (content import). Allow it: pvesm set local --content vztmpl,import',
    });
    expect(on([storage({ content: 'iso,import' })])).toEqual({
      container:
        'The storage local does not take templates of containers (content vztmpl). Allow it: pvesm set local --content import,iso,vztmpl',
    });
  });

  it.each(['8.3.5', '8.2', '7.4-3'])('but no disk images with Proxmox VE %s', (version) => {
    expect(on([storage()], version)).toEqual({
      vm: `Disk images cannot be uploaded to Proxmox VE ${version}: Proxmox VE 8.4 or newer is needed.`,
    });
  });
});

describe('images cannot be brought to a node', () => {
  const both = (text: string) => ({ vm: text, container: text });

  it('that does not have the storage, and the line that gives it names every node', () => {
    const places = [storage(), storage({ node: 'pve3' })];
    expect(on(places, '9.2.11', 'pve2')).toEqual(
      both(
        'The storage local does not exist on node pve2: set PROXMOX_IMAGE_STORAGE to one that is on every node, or add the node to the storage: pvesm set local --nodes pve1,pve2,pve3',
      ),
    );
  });

  it('on which the storage is not active', () => {
    expect(on([storage({ status: 'unknown' })])).toEqual(
      both('The storage local is not active on node pve1. On the node, pvesm status says why.'),
    );
  });

  it('when the storage is seen nowhere, which may be for a right that is missing', () => {
    expect(on([storage({ storage: 'fast' })])).toEqual(
      both(
        'The token sees the storage local on no node: it does not exist, it is disabled, or the token lacks Datastore.Audit on it. proxnix doctor tells which; PROXMOX_IMAGE_STORAGE names another one.',
      ),
    );
  });

  it('says the same in every order of the words', () => {
    expect(on([storage({ content: 'iso,backup,vztmpl' })])).toEqual(on([storage({ content: 'vztmpl,iso,backup' })]));
    expect(on([storage({ content: 'none' })])?.vm).toContain('--content import');
  });
});

describe('the version', () => {
  async function start(change: Partial<ProxmoxOptions> = {}) {
    const world = await openSimulated(seed());
    onTestFinished(() => world.close());
    const front = await startFront(world.simulator.url);
    return { front, cluster: world.connect({ url: front.origin, ...change }) };
  }
  const tell = (version: string) => ({ status: 200, body: { data: { version, release: version.slice(0, 3) } } });
  const asked = (requests: readonly string[]) => requests.filter((one) => one.endsWith('/version')).length;

  it('is asked for once in the life of the process', async () => {
    const { front, cluster } = await start();
    for (let plan = 0; plan < 3; plan++) await cluster.readState(new Set());
    expect(asked(front.requests)).toBe(1);
  });

  it('that was too old is asked for again: nobody has to restart the bot after an upgrade', async () => {
    const { front, cluster } = await start();
    front.answers.set('GET /api2/json/version', tell('8.3.5'));
    const old = (await cluster.readState(new Set())).nodes[0]?.imageProblems;
    expect(old?.vm).toContain('Proxmox VE 8.4 or newer is needed');
    expect(old?.container).toBeUndefined();
    front.answers.set('GET /api2/json/version', tell('8.4.1'));
    expect((await cluster.readState(new Set())).nodes[0]?.imageProblems).toBeUndefined();
    await cluster.readState(new Set());
    expect(asked(front.requests)).toBe(2);
  });
});
