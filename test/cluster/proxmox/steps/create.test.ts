import { describe, expect, it } from 'vitest';
import { newContainer } from '../../../../src/cluster/proxmox/steps/create.ts';
import { aContainer } from '../a-guest.ts';

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
