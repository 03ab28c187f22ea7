import { expect, it } from 'vitest';
import { splitTags } from '../../src/core/tags.ts';
import { aGuest } from '../cluster/proxmox/a-guest.ts';
import { clusterContract, Story, type World } from '../contracts/cluster.ts';
import { aLiveGuest, anImage, anUnreadGuest, aState } from '../support/builders.ts';
import { FakeCluster } from './cluster.ts';
import { emptyGuest, type FakeGuest, withConfig } from './cluster-guest.ts';

clusterContract('the cluster in memory', async () => open());

function open(): World & { readonly cluster: FakeCluster } {
  const cluster = new FakeCluster();
  const change = (vmid: number, edit: (guest: FakeGuest) => FakeGuest) => {
    const guest = cluster.guest(vmid);
    if (guest !== undefined) cluster.put(edit(guest));
  };
  return {
    cluster,
    imageFile: (letter, kind = 'vm') =>
      kind === 'vm'
        ? { image: anImage(letter), path: `/tmp/${letter}.qcow2`, size: 4096, virtualSize: 2 ** 30 }
        : { image: anImage(letter, kind), path: `/tmp/${letter}.tar.xz`, size: 4096 },
    async edit(vmid, { tags, ...config }) {
      change(vmid, (guest) => ({
        ...withConfig(guest, config),
        tags: tags === undefined ? guest.tags : splitTags(tags),
      }));
    },
    async recreate(vmid) {
      const { uuid } = emptyGuest(aGuest(), 'pve1', '').config;
      change(vmid, (guest) => withConfig(guest, uuid === undefined ? {} : { uuid }));
    },
    async remove(vmid) {
      cluster.remove(vmid);
    },
    async stop(vmid) {
      change(vmid, (guest) => ({ ...guest, status: 'stopped' }));
      cluster.did(vmid, { did: 'stopped', who: 'admin@pve!all', at: 1000, power: true });
    },
    close: () => cluster.close(),
  };
}

it('is made of a state that was read, in which guests that nobody can read are left alone', async () => {
  const down = anUnreadGuest({ vmid: 824, node: 'pve2', status: 'unknown', tags: ['proxnix'] });
  const live = aLiveGuest();
  const cluster = FakeCluster.of(aState([down, live]));
  const { digest: _, ...config } = live.config;
  const { guests } = await cluster.readState(new Set([823, 824]));
  expect(guests).toEqual([{ ...live, config: { ...config, digest: expect.any(String) } }, down]);
  const at = { guestKind: 'vm', vmid: 824, node: 'pve2' } as const;
  const monitor = { task: () => undefined, progress: () => undefined, line: () => undefined };
  await expect(cluster.perform({ ...at, kind: 'stop' }, undefined, monitor)).rejects.toThrow('is not on pve2');
  const create = { ...at, kind: 'create', guest: aGuest({ vmid: 824 }), tags: 'proxnix' } as const;
  await expect(cluster.perform(create, undefined, monitor)).rejects.toThrow('VMID 824 is taken');
});

it('fails before anything is done, or after everything when only the answer is lost', async () => {
  const world = open();
  const story = new Story(world);
  await story.upload('a');
  const lost = { at: 'create', error: new Error('lost') } as const;
  world.cluster.failNext({ ...lost, when: 'before' });
  await expect(story.run('create', { tags: 'proxnix' })).rejects.toThrow('lost');
  expect(await story.find()).toBeUndefined();
  world.cluster.failNext({ ...lost, when: 'after' });
  await expect(story.run('create', { tags: 'proxnix' })).rejects.toThrow('lost');
  expect((await story.read()).tags).toEqual(['proxnix']);
  expect(world.cluster.asked).toEqual(['upload', 'create', 'create']);
});
