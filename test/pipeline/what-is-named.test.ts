import { describe, expect, it } from 'vitest';
import { readTags, splitTags } from '../../src/core/tags.ts';
import type { Seed } from '../../src/simulator/simulator.ts';
import { seed } from '../cluster/proxmox/on-simulator.ts';
import { fleetOf, startSimulated } from './support/on-simulator.ts';

/** Pools that the bot may put guests into and take them out of. */
function withPools(names: readonly string[], privileges = ['Pool.Allocate', 'Pool.Audit']): Seed {
  const from = seed();
  const rights = Object.fromEntries(names.map((name) => [`/pool/${name}`, privileges]));
  const tokens = from.tokens.map((one) =>
    one.tokenid === 'proxnix@pve!bot' ? { ...one, privileges: { ...one.privileges, ...rights } } : one,
  );
  return { ...from, tokens, pools: [...from.pools, ...names] };
}

describe.each(['vm', 'container'] as const)('what the flake names of a %s', (kind) => {
  const route = kind === 'vm' ? 'qemu' : 'lxc';
  const path = `/nodes/pve1/${route}/823/config`;

  it('stays as it is when it is named no more, and that is said once', async () => {
    const { bench, config, deploy } = await startSimulated();
    const before = { description: 'ours', tags: ['Prod', 'db'], startup: kind === 'vm' ? undefined : { order: 2 } };
    await deploy(1, fleetOf(kind, { website: before }));
    expect(String(config()['description']).trim()).toBe('ours');
    await bench.push(2, fleetOf(kind, { website: { cores: 3 } }));
    const left = kind === 'vm' ? 'description, tags.Prod, tags.db' : 'startup, description, tags.Prod, tags.db';
    expect(bench.text()).toContain(`${left} left the flake and stay as they are`);
    await bench.apply();
    bench.run('applied');
    expect(String(config()['description']).trim()).toBe('ours');
    expect(readTags(splitTags(String(config()['tags']))).foreign).toEqual(['db', 'prod']);
    await bench.push(3, fleetOf(kind, { website: { cores: 3 } }));
    bench.run('in-sync');
    expect(bench.text()).not.toContain('left the flake');
  });

  it('is told of values of the guest only, not of how it is checked', async () => {
    const { bench, deploy } = await startSimulated();
    const own = { health: { tcp: [22] }, backup: { before: [] } };
    await deploy(1, fleetOf(kind, { website: own }));
    await bench.push(2, fleetOf(kind, { website: { cores: 3 } }));
    bench.run('planned');
    expect(bench.text()).not.toContain('left the flake');
  });

  it('is nothing of the notes and cards that a person gave it', async () => {
    const { bench, world, config, deploy } = await startSimulated();
    await deploy(1, fleetOf(kind, { website: {} }));
    const card = kind === 'vm' ? 'virtio,bridge=vmbr1,tag=9' : 'name=eth1,bridge=vmbr1,tag=9';
    await world.admin('PUT', path, { description: 'by hand', net1: card });
    await bench.push(2, fleetOf(kind, { website: {} }));
    bench.run('in-sync');
    await deploy(3, { ...fleetOf(kind, { website: { cores: 3 } }), images: { website: 'website 2' } });
    expect(String(config()['description']).trim()).toBe('by hand');
    expect(String(config()['net1'])).toContain('tag=9');
  });

  it('of its cards goes when it leaves the list', async () => {
    const { bench, config, deploy, plan } = await startSimulated();
    const one = { bridge: 'vmbr0', vlan: 5 };
    await deploy(1, fleetOf(kind, { website: { networks: [one, { bridge: 'vmbr1' }] } }));
    const mac = /(?:[0-9A-F]{2}:){5}[0-9A-F]{2}/.exec(String(config()['net0']))?.[0];
    expect(mac).toBeDefined();
    await bench.push(2, fleetOf(kind, { website: { networks: [{ ...one, vlan: 6 }] } }));
    expect(plan()).toEqual(['update 823']);
    const told = bench.text().replace(/\s+/g, ' ');
    expect(told).toMatch(/networks net0 vlan=5, net1 bridge=vmbr1 .*-> net0 vlan=6, net1 none/);
    await bench.apply();
    bench.run('applied');
    expect(String(config()['net0'])).toContain('tag=6');
    expect(String(config()['net0'])).toContain(mac);
    expect(config()['net1']).toBeUndefined();
    await bench.push(3, fleetOf(kind, { website: { networks: [{ ...one, vlan: 6 }] } }));
    bench.run('in-sync');
  });

  it('of a card stays when the card is named without it, and that is said', async () => {
    const { bench, config, deploy } = await startSimulated();
    const [one, two] = [
      { bridge: 'vmbr0', vlan: 5, rate_mbps: 10 },
      { bridge: 'vmbr1', vlan: 7 },
    ];
    await deploy(1, fleetOf(kind, { website: { networks: [one, two] } }));
    await bench.push(2, fleetOf(kind, { website: { cores: 3, networks: [{ bridge: 'vmbr0' }] } }));
    const told = bench.text().replace(/\s+/g, ' ');
    expect(told).toContain('networks.0.vlan, networks.0.rate_mbps left the flake and stay as they are');
    await bench.apply();
    bench.run('applied');
    expect(String(config()['net0'])).toContain('tag=5');
    expect(config()['net1']).toBeUndefined();
  });

  it('of its power is kept: a stopped one is made and stays so, and is started when that is wanted', async () => {
    const { bench, runs, deploy, plan } = await startSimulated();
    await deploy(1, fleetOf(kind, { website: { power: 'stopped' } }));
    expect(runs()).toBe(false);
    await bench.push(2, fleetOf(kind, { website: { power: 'stopped' } }));
    bench.run('in-sync');
    await deploy(3, { ...fleetOf(kind, { website: { power: 'stopped' } }), images: { website: 'website 2' } });
    expect(runs()).toBe(false);
    await bench.push(4, { ...fleetOf(kind, { website: {} }), images: { website: 'website 2' } });
    expect(plan()).toEqual(['update 823']);
    expect(bench.text()).toContain('power stopped -> running');
    await bench.apply();
    bench.run('applied');
    expect(runs()).toBe(true);
    await deploy(5, { ...fleetOf(kind, { website: { power: 'stopped' } }), images: { website: 'website 2' } });
    expect(runs()).toBe(false);
    await bench.push(6, { ...fleetOf(kind, { website: { power: 'unmanaged' } }), images: { website: 'website 2' } });
    bench.run('in-sync');
    expect(runs()).toBe(false);
  });

  it('of its power is told of a replacement: it is shut down, not restarted', async () => {
    const { bench, deploy, runs } = await startSimulated();
    await deploy(1, fleetOf(kind, { website: {} }));
    await bench.push(2, { ...fleetOf(kind, { website: { power: 'stopped' } }), images: { website: 'website 2' } });
    expect(bench.text()).toContain(`The ${kind === 'vm' ? 'VM' : 'container'} is shut down.`);
    expect(bench.text()).not.toContain('restarts once');
    await bench.apply();
    bench.run('applied');
    expect(runs()).toBe(false);
  });

  it('of its pool is where it is made and moved to', async () => {
    const { bench, simulator, deploy, plan } = await startSimulated({ seed: withPools(['web', 'old']) });
    await deploy(1, fleetOf(kind, { website: { pool: 'old' } }));
    expect(simulator.guest(823)?.pool).toBe('old');
    await bench.push(2, fleetOf(kind, { website: { pool: 'web' } }));
    expect(plan()).toEqual(['update 823']);
    expect(bench.text()).toContain('pool old -> web');
    await bench.apply();
    bench.run('applied');
    expect(simulator.guest(823)?.pool).toBe('web');
    await bench.push(3, fleetOf(kind, { website: {} }));
    bench.run('in-sync');
  });
});

it('what a cloud-init drive says no more has the names of the flake', async () => {
  const { bench, deploy } = await startSimulated();
  const keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1n0dZpX6nT8vE7Tq0p3aY5m4b2c1d0e9f8g7h6i5j4 ada'];
  const said = { ssh_keys: keys, search_domain: 'example.org' };
  await deploy(1, fleetOf('vm', { website: { cloud_init: { StorageReference: 'local-lvm', ...said } } }));
  await bench.push(2, fleetOf('vm', { website: { cores: 3, cloud_init: { StorageReference: 'local-lvm' } } }));
  const told = bench.text().replace(/\s+/g, ' ');
  expect(told).toContain('cloud_init.ssh_keys, cloud_init.search_domain left the flake and stay as they are');
});

it('a pool that the token may not look at is told with the right that it lacks, not planned for ever', async () => {
  const { bench, simulator, deploy } = await startSimulated({ seed: withPools(['web', 'old'], ['Pool.Allocate']) });
  await deploy(1, fleetOf('vm', { website: { pool: 'old' } }));
  for (const [n, pool] of [
    [2, 'old'],
    [3, 'web'],
  ] as const) {
    await bench.push(n, fleetOf('vm', { website: { pool } }));
    await bench.apply();
    const { message, next } = bench.run('failed').failure;
    expect(message).toBe(`VM 823 is in the pool ${pool}, and the token may not see that.`);
    expect(next).toContain(`pveum acl modify /pool/${pool} `);
    expect(next).toContain('Pool.Audit');
    expect(simulator.guest(823)?.pool).toBe(pool);
  }
});

it('the options of a root disk are there from its creation, and stay over a swap', async () => {
  const { bench, config, deploy, plan } = await startSimulated();
  const images = { website: 'website 2' };
  await deploy(1, fleetOf('vm', { website: { disk: { ssd: true } } }));
  expect(String(config()['scsi0'])).toMatch(/discard=on.*ssd=1/);
  await deploy(2, { ...fleetOf('vm', { website: { disk: { ssd: true } } }), images });
  expect(String(config()['scsi0'])).toMatch(/discard=on.*ssd=1/);
  await bench.push(3, { ...fleetOf('vm', { website: { disk: { cache: 'writeback', discard: false } } }), images });
  expect(plan()).toEqual(['update 823']);
  expect(bench.text()).toMatch(/disk-options discard yes -> no.*disk-options cache none -> writeback/s);
  await bench.apply();
  bench.run('applied');
  expect(String(config()['scsi0'])).toMatch(/cache=writeback.*discard=ignore.*ssd=1/);
  await bench.push(4, { ...fleetOf('vm', { website: { disk: { cache: 'writeback', discard: false } } }), images });
  bench.run('in-sync');
});

it('a container is not told another MAC address, by which it is known', async () => {
  const { bench, deploy } = await startSimulated();
  await deploy(1, fleetOf('container', { website: {} }));
  const networks = [{ bridge: 'vmbr0', mac: 'BC:24:11:00:00:09' }];
  await bench.push(2, fleetOf('container', { website: { networks } }));
  expect(bench.run('blocked').plan.changes).toMatchObject([{ blocked: { reason: 'read-only' } }]);
  expect(bench.text()).toContain('proxnix knows a container by the MAC address of net0');
});
