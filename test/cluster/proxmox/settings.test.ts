import { describe, expect, it } from 'vitest';
import type { Changes } from '../../../src/cluster/proxmox/codec.ts';
import { changedSettings, newSettings, readSettings, validateNames } from '../../../src/cluster/proxmox/settings.ts';
import { parseDesired } from '../../../src/core/desired.ts';
import { diffGuest, withLiveSettings } from '../../../src/core/diff.ts';
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

it('a new guest gets the values that are compared no more', () => {
  const guest = aGuest({ memoryMb: 4096, cores: 3, balloonMb: 1024, ignore: ['memory_mb', 'cores', 'balloon_mb'] });
  expect(newSettings(guest)).toMatchObject({ memory: 4096, cores: 3, balloon: 1024 });
  expect(changedSettings(guest, {})).not.toHaveProperty('memory');
});

it('keys of cloud-init that are not encoded as Proxmox encodes them are read as they stand', () => {
  const values = { ide2: 'fast:cloudinit', sshkeys: 'ssh-ed25519 100%\nsecond' };
  expect(readSettings('vm', values).cloudInit?.sshKeys).toEqual(['ssh-ed25519 100%', 'second']);
});

describe('network cards', () => {
  const card = {
    vm: 'virtio=BC:24:11:8B:87:74,bridge=vmbr0,firewall=1',
    container: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:8B:87:74,type=veth',
  };
  const networks = [{ vlan: 42 }];
  const cardsIn = (changes: Changes) => Object.fromEntries(Object.entries(changes).filter(([key]) => /^net/.test(key)));

  it('are a field of both kinds, which a flake may leave out', () => {
    const one = { networks: [{ bridge: 'vmbr1', vlan: 42, rate_mbps: 5 }] };
    expect(parseDesired({ vms: { web: aFlakeEntry('vm', one) } })).toMatchObject([
      { bridge: 'vmbr1', networks: [{ vlan: 42, rateMbps: 5 }] },
    ]);
    const [fixed] = parseDesired({
      containers: {
        web: aFlakeEntry('container', { networks: [{ bridge: 'vmbr0', ip: '10.0.0.5/24', gateway: '10.0.0.1' }] }),
      },
    });
    expect(fixed).toMatchObject({ ip: '10.0.0.5/24', gateway: '10.0.0.1', networks: [{}] });
    expect(parseDesired({ vms: { web: aFlakeEntry('vm') } })[0]).not.toHaveProperty('networks');
    const mistakes: [object, string][] = [
      [{ networks: [{ bridge: 'vmbr0', vlan: 4095 }] }, '"networks.0.vlan" must be at most 4094'],
      [{ networks: [{ bridge: 'vmbr0', vlna: 4 }] }, 'unknown field "networks.0.vlna", did you mean "vlan"?'],
      [{ networks: [{ vlan: 4 }] }, '"networks.0.bridge" is missing'],
      [{ networks: [{ bridge: 'vmbr0', mac: '01:00:5e:00:00:01' }] }, 'must be a unicast MAC address'],
      [{ networks: [{ bridge: 'vmbr0' }], network_bridge: 'vmbr1' }, 'is said by the first of "networks"'],
    ];
    for (const [entry, message] of mistakes) {
      expect(() => parseDesired({ vms: { web: aFlakeEntry('vm', { ...entry }) } })).toThrow(message);
    }
  });

  it.each(['vm', 'container'] as const)('are read from the configuration of a %s', (kind) => {
    const [first] = readSettings(kind, { net0: `${card[kind]},tag=42` }).networks ?? [];
    expect(first).toMatchObject({ bridge: 'vmbr0', vlan: 42, mac: 'BC:24:11:8B:87:74', firewall: kind === 'vm' });
    expect(readSettings(kind, { net2: card[kind] }).networks).toMatchObject([null, null, { bridge: 'vmbr0' }]);
    expect(readSettings('vm', { net0: 'model=e1000,bridge=b' }).networks).toEqual([
      { model: 'e1000', bridge: 'b', firewall: false },
    ]);
  });

  it.each([
    ['vm', aGuest({ networks }), 'virtio,bridge=vmbr0,tag=42'],
    ['container', aContainer({ networks }), 'name=eth0,bridge=vmbr0,ip=dhcp,tag=42'],
  ] as const)('are sent for a new %s', (kind, guest, net0) => {
    const sent = String(newSettings(guest)['net0']).split(',').sort();
    expect(sent).toEqual(net0.split(',').sort());
    const two = newSettings({ ...guest, networks: [{}, { bridge: 'vmbr1' }] });
    expect(two['net1']).toBe(kind === 'vm' ? 'virtio,bridge=vmbr1' : 'name=eth1,bridge=vmbr1');
  });

  it.each([
    ['vm', aGuest, card.vm],
    ['container', aContainer, `${card.container},ip=dhcp`],
  ] as const)('keep on a %s what the flake does not name: the MAC address and the cards of others', (kind, a, net0) => {
    const values = { net0, net1: card[kind] };
    expect(cardsIn(changedSettings(a({ networks }), values))).toEqual({ net0: `${net0},tag=42` });
    expect(cardsIn(changedSettings(a(), { ...values, net0: `${net0},tag=7` }))).toEqual({});
    const moved = changedSettings(a({ bridge: 'vmbr1' }), { net0: `${net0},tag=7` })['net0'];
    expect(moved).toMatch(/BC:24:11:8B:87:74.*tag=7/);
    const gone = changedSettings(a({ networks: [...networks, null] }), { ...values, net0: `${net0},tag=42` });
    expect(Object.keys(cardsIn(gone))).toEqual(['net0', 'net1']);
    expect(gone).toMatchObject({ net0: `${net0},tag=42`, net1: undefined });
  });

  it('keep their MAC address when the model changes', () => {
    const changed = changedSettings(aGuest({ networks: [{ model: 'e1000' }] }), { net0: card.vm });
    expect(cardsIn(changed)).toEqual({ net0: 'e1000=BC:24:11:8B:87:74,bridge=vmbr0,firewall=1' });
  });

  it.each([
    [aGuest({ networks }), aLiveGuest({ config: { networks: [{ bridge: 'vmbr0' }] } }, aGuest())],
    [aContainer({ networks }), aLiveContainer({ config: { networks: [{ bridge: 'vmbr0' }] } }, aContainer())],
  ] as const)('are told in the plan, without a restart', (guest, live) => {
    expect([...diffGuest(guest, live)]).toEqual([
      { field: 'networks', from: 'net0 no vlan', to: 'net0 vlan=42', restart: false },
    ]);
  });

  it.each([
    ['vm', aGuest, aLiveGuest],
    ['container', aContainer, aLiveContainer],
  ] as const)('of a %s lose again what a change added, when it is rolled back', (kind, a, live) => {
    const net0 = kind === 'vm' ? card.vm : `${card.container},ip=dhcp`;
    const wanted = a({ networks: [{ vlan: 42, mtu: 1400, rateMbps: 2 }, { bridge: 'vmbr1' }] });
    const before = live({ config: { ...readSettings(kind, { net0 }) } } as object);
    const values = { net0: `${net0},tag=42,mtu=1400,rate=2`, net1: 'name=eth1,bridge=vmbr1' };
    const back = changedSettings(withLiveSettings(wanted, before), values);
    expect(cardsIn(back)).toEqual({ net0: kind === 'vm' ? net0 : `${net0},firewall=0`, net1: undefined });
  });

  it('refuse an address that another guest of the fleet has', () => {
    const one = aFlakeEntry('container', { name: 'a', vm_id: 830, ip: '10.0.0.5/24' });
    const cloud_init = { StorageReference: 'local-lvm', ip: '10.0.0.5/16' };
    const two = aFlakeEntry('vm', { name: 'b', vm_id: 831, cloud_init });
    expect(() => parseDesired({ vms: { b: two }, containers: { a: one } })).toThrow(
      'a: "ip" 10.0.0.5 is also that of b',
    );
  });
});
