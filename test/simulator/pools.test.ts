import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demoSeed, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

describe('the members of a pool', () => {
  let simulator: Simulator;
  let admin: ReturnType<typeof clientOf>;
  const put = async (poolid: string, params: Record<string, string | number>) => {
    const { status, reason } = await admin.call('PUT', `/pools/${poolid}`, params);
    return status === 200 ? 'OK' : `${status} ${reason}`;
  };
  const members = async (poolid: string) => {
    const { data } = await admin.call('GET', `/pools/${poolid}`);
    return Reflect.get(Object(data), 'members').map((one: { vmid: number }) => one.vmid);
  };
  const create = async (vmid: number) => await admin.run('POST', '/nodes/pve1/qemu', { vmid });

  beforeEach(async () => {
    const seed = { ...demoSeed(), pools: ['proxnix', 'prod'] };
    simulator = await startSimulator({ seed, timeScale: 0.001, statisticsSeconds: 0 });
    admin = clientOf(simulator, 'admin@pve!all=5157a7ed-0000-4000-8000-de0000000002');
    expect(await create(820)).toBe('OK');
  });
  afterEach(() => simulator.close());

  it('are added once, moved only on request, and taken out', async () => {
    expect(await put('proxnix', { vms: '820' })).toBe('OK');
    expect(await put('proxnix', { vms: '820' })).toBe('500 update pools failed: VM 820 is already a pool member');
    expect(await put('prod', { vms: '820' })).toBe(
      "500 update pools failed: VM 820 belongs already to pool 'proxnix' and 'allow-move' is not set",
    );
    expect(await put('prod', { vms: '820', 'allow-move': 1 })).toBe('OK');
    expect([await members('proxnix'), await members('prod')]).toEqual([[], [820]]);
    expect(await put('prod', { vms: '820', delete: 1 })).toBe('OK');
    expect(await members('prod')).toEqual([]);
  });

  it('may be numbers without a guest, whose guest is in the pool from its creation on', async () => {
    expect(await put('proxnix', { vms: '821' })).toBe('OK');
    expect(await members('proxnix')).toEqual([]);
    expect(await create(821)).toBe('OK');
    expect(await members('proxnix')).toEqual([821]);
  });

  it('are changed with a right on the pool', async () => {
    const bot = clientOf(simulator, 'proxnix@pve!bot=5157a7ed-0000-4000-8000-de0000000001');
    const refused = { status: 403, reason: 'Permission check failed (/pool/proxnix, Pool.Allocate)' };
    expect(await bot.call('PUT', '/pools/proxnix', { vms: '820' })).toMatchObject(refused);
    expect((await bot.call('GET', '/pools')).data).toEqual([]);
    expect((await admin.call('GET', '/pools')).data).toEqual([{ poolid: 'proxnix' }, { poolid: 'prod' }]);
    expect(await put('nosuch', { vms: '820' })).toBe("500 pool 'nosuch' does not exist");
  });
});
