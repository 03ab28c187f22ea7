import { describe, expect, it } from 'vitest';
import { changedSettings, newSettings, readSettings, validateNames } from '../../../src/cluster/proxmox/settings.ts';
import { parseDesired } from '../../../src/core/desired.ts';
import { diffGuest } from '../../../src/core/diff.ts';
import { aFlakeEntry, aLiveContainer, aLiveGuest } from '../../support/builders.ts';
import { aContainer, aGuest } from './a-guest.ts';

it('the names of an ordinary flake pass', () => {
  expect(() =>
    validateNames('pve-1', aGuest({ storage: 'local-lvm', bridge: 'vmbr0', cloudInit: { storage: 'fast' } })),
  ).not.toThrow();
});

it.each([
  { storage: 'fast:0,import-from=local:import/x.qcow2' },
  { storage: '../../../access/users' },
  { cloudInit: { storage: 'fast,media=disk' } },
  { bridge: 'vmbr0,firewall=0' },
  { scsiHw: 'lsi&args=x' },
  { diskSlot: 'args' },
])('%j is refused before anything is sent', (change) => {
  expect(() => validateNames('pve1', aGuest(change))).toThrow('is no name of a');
});

it('a node is no path', () => {
  expect(() => validateNames('pve1/qemu/1')).toThrow('"pve1/qemu/1" is no name of a node in Proxmox.');
});

it.each([
  { ip: 'dhcp,bridge=vmbr9' },
  { ip: '10.0.0.5' },
  { gateway: '10.0.0.1,hwaddr=BC:24:11:00:00:01' },
  { features: ['nesting=1,keyctl'] },
])('%j of a container is refused before anything is sent', (change) => {
  expect(() => validateNames('pve1', aContainer(change))).toThrow(/ is no (?:address|name) of a /);
});

it('the addresses of an ordinary container pass', () => {
  const fixed = aContainer({ ip: '10.0.0.5/24', gateway: '10.0.0.1' });
  for (const guest of [fixed, aContainer(), aContainer({ ip: 'manual' })]) validateNames('pve1', guest);
});

describe('the VLAN of net0', () => {
  const card = {
    vm: 'virtio=BC:24:11:8B:87:74,bridge=vmbr0,firewall=1',
    container: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:8B:87:74,type=veth',
  };

  it('is a field of both kinds, which a flake may leave out', () => {
    expect(parseDesired({ vms: { web: aFlakeEntry('vm', { vlan: 42 }) } })).toMatchObject([{ vlan: 42 }]);
    expect(parseDesired({ vms: { web: aFlakeEntry('vm') } })[0]).not.toHaveProperty('vlan');
    for (const vlan of [0, 4095, '42']) {
      expect(() => parseDesired({ containers: { web: aFlakeEntry('container', { vlan }) } })).toThrow('"vlan" must be');
    }
  });

  it.each(['vm', 'container'] as const)('is read from the card of a %s', (kind) => {
    expect(readSettings(kind, { net0: `${card[kind]},tag=42` }).vlan).toBe(42);
    expect(readSettings(kind, { net0: card[kind] })).not.toHaveProperty('vlan');
  });

  it.each([
    ['vm', aGuest({ vlan: 42 }), 'virtio,bridge=vmbr0,tag=42'],
    ['container', aContainer({ vlan: 42 }), 'name=eth0,bridge=vmbr0,tag=42,ip=dhcp'],
  ] as const)('is sent for a new %s', (_, guest, net0) => {
    expect(newSettings(guest)).toMatchObject({ net0 });
  });

  it.each([
    ['vm', aGuest, `${card.vm},tag=42`],
    ['container', aContainer, `${card.container},tag=42`],
  ] as const)(
    'changes alone on the card of a %s, and stays as it is where the flake leaves it out',
    (kind, a, after) => {
      const net0 = kind === 'vm' ? card.vm : `${card.container},ip=dhcp`;
      const tagged = `${net0},tag=7`;
      expect(changedSettings(a({ vlan: 42 }), { net0 })['net0']).toBe(kind === 'vm' ? after : `${after},ip=dhcp`);
      expect(changedSettings(a(), { net0: tagged })).not.toHaveProperty('net0');
      expect(changedSettings(a({ bridge: 'vmbr1' }), { net0: tagged })['net0']).toMatch(/bridge=vmbr1.*tag=7/);
    },
  );

  it.each([
    [aGuest({ vlan: 42 }), aLiveGuest({}, aGuest())],
    [aContainer({ vlan: 42 }), aLiveContainer({}, aContainer())],
  ] as const)('is told in the plan, without a restart', (guest, live) => {
    expect([...diffGuest(guest, live)]).toEqual([{ field: 'vlan', from: 'none', to: '42', restart: false }]);
  });
});
