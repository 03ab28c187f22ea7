import { expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { healthContract } from '../contracts/health.ts';
import { aMonitor } from '../health/bench.ts';
import { FakeHealth } from './health.ts';

const guest = { guestKind: 'vm' as const, vmid: 823, node: 'pve1', name: 'test-website' };

healthContract('health by script', async () => {
  const health = new FakeHealth();
  return {
    health,
    fall: async () => health.script(823, 'ill'),
    hide: async () => health.script(823, new UserError('Proxmox does not answer')),
    close: async () => {},
  };
});

it('ends each watch of a guest as scripted, the last way for ever', async () => {
  const health = new FakeHealth();
  health.script(823, 'ill', 'well');
  const wells: boolean[] = [];
  for (let turn = 0; turn < 3; turn++) wells.push((await health.check(guest, aMonitor())).healthy);
  expect(wells).toEqual([false, true, true]);
  expect((await health.check({ ...guest, vmid: 824 }, aMonitor())).healthy).toBe(true);
  expect(health.watched.map(({ vmid }) => vmid)).toEqual([823, 823, 823, 824]);
});

it('can be held in the middle of a watch', async () => {
  const health = new FakeHealth();
  let letGo = () => {};
  health.hold = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let ended = false;
  const watching = health.check(guest, aMonitor()).then(() => {
    ended = true;
  });
  await Promise.resolve();
  expect([health.watched.length, ended]).toEqual([1, false]);
  letGo();
  await watching;
  expect(ended).toBe(true);
});
