import { expect, it } from 'vitest';
import { validateNames } from '../../../src/cluster/proxmox/settings.ts';
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
