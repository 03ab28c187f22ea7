import { describe, expect, it } from 'vitest';
import { splitTags } from '../../src/core/tags.ts';
import { seed } from '../cluster/proxmox/on-simulator.ts';
import { fleetOf, startSimulated } from './support/on-simulator.ts';

describe.each(['vm', 'container'] as const)('the tags of other people on a %s', (kind) => {
  const own = (tags: readonly string[]) => tags.filter((tag) => !/^(?:commit|nix)-|^proxnix/.test(tag));

  it('keep their case and order through a change, where the datacenter keeps them', async () => {
    const style = { 'case-sensitive': 1, ordering: 'config' };
    const { bench, world, config, deploy } = await startSimulated({ seed: seed({ options: { 'tag-style': style } }) });
    await deploy(1, fleetOf(kind, { website: {} }));
    const tags = `Web;DB;web;a;${config()['tags']}`;
    await world.admin('PUT', `/nodes/pve1/${kind === 'vm' ? 'qemu' : 'lxc'}/823/config`, { tags });
    await deploy(2, fleetOf(kind, { website: { description: 'new' } }));
    expect(own(splitTags(String(config()['tags'])))).toEqual(['Web', 'DB', 'web', 'a']);
    await deploy(3, { ...fleetOf(kind, { website: { description: 'new' } }), images: { website: 'website 2' } });
    expect(own(splitTags(String(config()['tags'])))).toEqual(['Web', 'DB', 'web', 'a']);
    await bench.push(4, { ...fleetOf(kind, { website: { description: 'new' } }), images: { website: 'website 2' } });
    bench.run('in-sync');
  });

  it('are written as they stand, where the datacenter brings them into its form', async () => {
    const { bench, simulator, config, deploy } = await startSimulated();
    await deploy(1, fleetOf(kind, { website: {} }));
    // Written before the datacenter had its present style.
    await simulator.outside({ do: 'edit', vmid: 823, set: { tags: `Web;db;${config()['tags']}` } });
    await bench.push(2, fleetOf(kind, { website: {} }));
    bench.run('in-sync');
    await deploy(3, fleetOf(kind, { website: { description: 'new' } }));
    expect(own(splitTags(String(config()['tags'])))).toEqual(['db', 'web']);
    await bench.push(4, fleetOf(kind, { website: { description: 'new' } }));
    bench.run('in-sync');
  });
});
