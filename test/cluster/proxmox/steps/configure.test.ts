import { describe, expect, it, onTestFinished } from 'vitest';
import { differences } from '../../../../src/cluster/proxmox/steps/create.ts';
import { Story } from '../../../contracts/cluster.ts';
import { aContainer, aGuest } from '../a-guest.ts';
import { openSimulated, seed } from '../on-simulator.ts';

const values = {
  name: 'test-website',
  memory: '2048',
  cores: '2',
  sockets: '1',
  onboot: '1',
  description: 'the website\n',
  scsihw: 'virtio-scsi-pci',
  net0: 'virtio=BC:24:11:8B:87:74,bridge=vmbr0,firewall=1',
  tags: 'proxnix;b',
};
const config = (change: Record<string, string> = {}) => {
  const all = { ...values, ...change };
  return { guestKind: 'vm' as const, digest: 'd', values: all, current: all, pending: [] };
};

it('a guest that is as wanted needs no write', () => {
  expect(differences(config(), aGuest(), 'B;proxnix')).toEqual({});
});

it('only what differs is written, in one call with the tags', () => {
  const guest = aGuest({ memoryMb: 4096, name: 'web' });
  expect(differences(config(), guest, 'proxnix;proxnix-pending')).toEqual({
    name: 'web',
    memory: 4096,
    tags: 'proxnix;proxnix-pending',
  });
});

it('another bridge keeps the MAC address and everything else of the interface', () => {
  const changes = differences(config(), aGuest({ bridge: 'vmbr1' }), 'b;proxnix');
  expect(changes).toEqual({ net0: 'virtio=BC:24:11:8B:87:74,bridge=vmbr1,firewall=1' });
});

it('an empty description deletes the key', () => {
  expect(differences(config(), aGuest({ description: '' }), 'b;proxnix')).toEqual({ description: undefined });
});

it('a cloud-init drive goes to a free slot, moves in its own and is deleted', () => {
  const wanting = aGuest({ cloudInit: { storage: 'fast' } });
  const there = { ide2: 'slow:823/vm-823-cloudinit.qcow2,media=cdrom' };
  expect(differences(config(), wanting, 'b;proxnix')).toEqual({ ide2: 'fast:cloudinit' });
  expect(differences(config({ ide2: 'none,media=cdrom' }), wanting, 'b;proxnix')).toEqual({ ide0: 'fast:cloudinit' });
  expect(differences(config(there), wanting, 'b;proxnix')).toEqual({ ide2: 'fast:cloudinit' });
  expect(differences(config(there), aGuest(), 'b;proxnix')).toEqual({ ide2: undefined });
});

it('protection is left as it is', () => {
  expect(differences(config({ protection: '1' }), aGuest(), 'b;proxnix')).toEqual({});
});

it('a VM that became a template since the plan is not taken over', async () => {
  const world = await openSimulated(seed());
  onTestFinished(() => world.close());
  const story = new Story(world);
  await story.make();
  await story.run('stop');
  await world.edit(823, { tags: 'prod' });
  await world.admin('POST', '/nodes/pve1/qemu/823/template');
  await story.look();
  await expect(story.run('adopt', { tags: 'prod;proxnix' })).rejects.toThrow(
    'VM 823 is a template: it is not taken over.',
  );
  expect(world.simulator.guest(823)?.config['tags']).toBe('prod');
});

describe('what is written to a container', () => {
  const values = {
    hostname: 'test-website',
    memory: '2048',
    swap: '256',
    cores: '2',
    onboot: '1',
    description: 'the website\n',
    features: 'nesting=1',
    net0: 'name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:8B:87:74,ip=dhcp,type=veth',
    tags: 'proxnix;b',
  };
  const config = (change: Record<string, string> = {}) => {
    const all: Record<string, string> = { ...values, ...change };
    return { guestKind: 'container' as const, digest: 'd', values: all, current: all, pending: [] };
  };
  const changes = (guest = aContainer(), live = config()) => differences(live, guest, 'b;proxnix');

  it('is nothing when it is as wanted', () => {
    expect(changes()).toEqual({});
    expect(differences(config(), aContainer(), 'B;proxnix')).toEqual({});
  });

  it('is what differs, in one call with the tags', () => {
    const guest = aContainer({ name: 'web', cores: 1, memoryMb: 512, swapMb: 0, onboot: false, description: '' });
    expect(differences(config(), guest, 'proxnix;proxnix-pending')).toEqual({
      ...{ hostname: 'web', cores: 1, memory: 512, swap: 0, onboot: false, description: undefined },
      tags: 'proxnix;proxnix-pending',
    });
  });

  it('is the whole of its network card, with its MAC address and what else it has', () => {
    const card = 'name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:8B:87:74,type=veth';
    const moved = card.replace('vmbr0', 'vmbr1');
    expect(changes(aContainer({ bridge: 'vmbr1' }))).toEqual({ net0: moved.replace(',type', ',ip=dhcp,type') });
    expect(changes(aContainer({ ip: '10.0.0.5/24', gateway: '10.0.0.1' }))).toEqual({
      net0: `${card.replace(',type', ',ip=10.0.0.5/24,type')},gw=10.0.0.1`,
    });
    const fixed = config({ net0: `${values.net0.replace('dhcp', '10.0.0.5/24')},gw=10.0.0.1` });
    expect(changes(aContainer({ ip: 'manual' }), fixed)).toEqual({ net0: card });
  });

  it('is its features as a whole, and none of them when none is wanted', () => {
    expect(changes(aContainer({ features: [] }))).toEqual({ features: undefined });
    expect(changes(aContainer(), config({ features: 'keyctl=1' }))).toEqual({ features: 'nesting=1' });
    expect(changes(aContainer({ features: [] }), config({ features: 'nesting=0' }))).toEqual({});
  });

  it('is its cores when it has those of its whole host', () => {
    const { cores: _, ...unlimited } = config().values;
    expect(differences({ ...config(), values: unlimited }, aContainer(), 'b;proxnix')).toEqual({ cores: 2 });
  });
});
