import { expect, it, onTestFinished, vi } from 'vitest';
import { demoSeed, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

async function start() {
  const base = demoSeed();
  const guests = [{ type: 'qemu' as const, vmid: 460, node: 'pve1', config: { memory: '512' }, running: false }];
  const rates = { importBytesPerSecond: 1e9, statisticsSeconds: 0 };
  const simulator = await startSimulator({ seed: { ...base, guests, rates }, timeScale: 0.02 });
  onTestFinished(() => simulator.close());
  const token = base.tokens.find(({ tokenid }) => tokenid === 'admin@pve!all');
  return { simulator, api: clientOf(simulator, `${token?.tokenid}=${token?.secret}`) };
}

it('a guest that HA manages is started and stopped by the manager, after the request has ended', async () => {
  const { simulator, api } = await start();
  const path = '/nodes/pve1/qemu/460';
  await simulator.outside({ do: 'ha', vmid: 460, state: 'stopped' });
  expect((await api.call('GET', `${path}/status/current`)).data).toMatchObject({
    ha: { managed: 1, state: 'stopped' },
  });
  expect((await api.call('GET', '/cluster/resources', { type: 'vm' })).data).toMatchObject([{ hastate: 'stopped' }]);
  for (const [call, type, runs] of [
    ['start', 'hastart', true],
    ['stop', 'hastop', false],
  ] as const) {
    const was = simulator.guest(460)?.startedAt !== undefined;
    const { data } = await api.call('POST', `${path}/status/${call}`);
    expect(data).toContain(`:${type}:460:`);
    expect(await api.ended(data)).toBe('OK');
    expect(simulator.guest(460)?.startedAt !== undefined).toBe(was);
    await vi.waitFor(() => expect(simulator.guest(460)?.startedAt !== undefined).toBe(runs), 60_000);
    expect(simulator.tasks().some((task) => task.user === 'root@pam' && task.type === `qm${call}`)).toBe(true);
  }
  const refused = await api.call('DELETE', path);
  expect(refused.reason).toContain('unable to remove VM 460 - used in HA resources and purge parameter not set.');
  expect(await api.run('DELETE', path, { purge: 1 })).toBe('OK');
});

it('a guest that was handed to HA is noticed later, and started when that is its state', async () => {
  const { simulator, api } = await start();
  const ha = async () => Reflect.get(Object((await api.call('GET', '/nodes/pve1/qemu/460/status/current')).data), 'ha');
  expect(await api.call('POST', '/cluster/ha/resources', { sid: 'vm:460', state: 'started' })).toMatchObject({
    status: 200,
  });
  expect(await ha()).toEqual({ managed: 1, state: null });
  await vi.waitFor(() => expect(simulator.guest(460)?.startedAt).toBeDefined(), 60_000);
  expect(await ha()).toEqual({ managed: 1, state: 'started' });
});

it('a guest that ends by itself is started again by HA, unless its state is ignored', async () => {
  const { simulator, api } = await start();
  expect(await api.run('POST', '/nodes/pve1/qemu/460/status/start')).toBe('OK');
  await simulator.outside({ do: 'ha', vmid: 460, state: 'started' });
  await simulator.outside({ do: 'power-off', vmid: 460 });
  await vi.waitFor(() => expect(simulator.guest(460)?.startedAt).toBeDefined(), 60_000);
  await api.call('PUT', '/cluster/ha/resources/vm:460', { state: 'ignored' });
  const { data } = await api.call('POST', '/nodes/pve1/qemu/460/status/stop');
  expect(data).toContain(':qmstop:460:');
  expect(await api.ended(data)).toBe('OK');
});
