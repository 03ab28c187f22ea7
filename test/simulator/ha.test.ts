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
