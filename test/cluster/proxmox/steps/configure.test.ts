import { expect, it, onTestFinished } from 'vitest';
import { differences } from '../../../../src/cluster/proxmox/steps/create.ts';
import { Story } from '../../../contracts/cluster.ts';
import { aGuest } from '../a-guest.ts';
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
