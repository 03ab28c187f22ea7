import { describe, expect, it } from 'vitest';
import { differences, newContainer } from '../../../../src/cluster/proxmox/steps/create.ts';
import { aContainer } from '../a-guest.ts';

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

describe('what is written to a container', () => {
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
    expect(changes(aContainer({ bridge: 'vmbr1' }))).toEqual({ net0: `${moved},ip=dhcp` });
    expect(changes(aContainer({ ip: '10.0.0.5/24', gateway: '10.0.0.1' }))).toEqual({
      net0: `${card},ip=10.0.0.5/24,gw=10.0.0.1`,
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

describe('what is sent for a new container', () => {
  it('says whether it is privileged, which 8.4 and 9.x take differently when nothing is said', () => {
    expect(newContainer(aContainer(), 'local:vztmpl/x.tar.xz')).toEqual({
      ostemplate: 'local:vztmpl/x.tar.xz',
      rootfs: 'fast:2',
      ostype: 'nixos',
      hostname: 'test-website',
      memory: 2048,
      swap: 256,
      cores: 2,
      net0: 'name=eth0,bridge=vmbr0,ip=dhcp',
      unprivileged: true,
      cmode: 'console',
      onboot: true,
      features: 'nesting=1',
    });
    expect(newContainer(aContainer({ unprivileged: false }), 'x')).toMatchObject({ unprivileged: false });
  });

  it('has no features where the flake wants none, and never tags or a running start', () => {
    const sent = Object.keys(newContainer(aContainer({ features: [], ip: 'manual' }), 'x'));
    for (const key of ['features', 'tags', 'start', 'description']) expect(sent).not.toContain(key);
  });
});
