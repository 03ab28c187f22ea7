import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demoSeed, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { clientOf } from './client.ts';

const TOKEN = 'proxnix@pve!bot=5157a7ed-0000-4000-8000-de0000000001';
const options = { seed: demoSeed(), timeScale: 0.001, statisticsSeconds: 0 };

describe('the mark of a volume', () => {
  let simulator: Simulator;
  let client: ReturnType<typeof clientOf>;
  const vm = (vmid: number, more: string) => `/nodes/pve1/qemu/${vmid}${more}`;
  const markIn = (vmid: number, key: string) => {
    const volid = String(simulator.guest(vmid)?.config[key]).split(',')[0];
    return simulator.volumes().find((one) => one.volid === volid)?.mark;
  };

  beforeEach(async () => {
    simulator = await startSimulator(options);
    client = clientOf(simulator, TOKEN);
    await client.upload('web.qcow2', 64 * 1024 ** 2);
    for (const vmid of [820, 821]) {
      const scsi0 = 'local-lvm:0,import-from=local:import/web.qcow2';
      expect(await client.run('POST', '/nodes/pve1/qemu', { vmid, scsi0, scsi1: 'local-lvm:1' })).toBe('OK');
    }
  });
  afterEach(() => simulator.close());

  it('is another one for each new and each imported disk', () => {
    const marks = simulator.volumes().map(({ mark }) => mark);
    expect(new Set(marks).size).toBe(marks.length);
  });

  it('stays with a disk that is resized, moved, detached, reassigned and attached again', async () => {
    const mark = markIn(820, 'scsi1');
    await client.run('PUT', vm(820, '/resize'), { disk: 'scsi1', size: '2G' });
    await client.run('POST', vm(820, '/move_disk'), { disk: 'scsi1', storage: 'fast', delete: 1 });
    expect(markIn(820, 'scsi1')).toBe(mark);
    await client.call('PUT', vm(820, '/config'), { delete: 'scsi1' });
    await client.run('POST', vm(820, '/move_disk'), { disk: 'unused0', 'target-vmid': 821, 'target-disk': 'unused0' });
    await client.call('PUT', vm(821, '/config'), { scsi5: String(simulator.guest(821)?.config['unused0']) });
    expect(mark).toBeGreaterThan(0);
    expect(markIn(821, 'scsi5')).toBe(mark);
  });

  it('is another one after a size was written into a slot in use, where the old disk is unused', async () => {
    const mark = markIn(820, 'scsi1');
    await client.call('PUT', vm(820, '/config'), { scsi1: 'local-lvm:1' });
    expect(markIn(820, 'unused0')).toBe(mark);
    expect(markIn(820, 'scsi1')).not.toBe(mark);
  });

  it('goes on where it was when the simulator continues with a kept state', async () => {
    const kept = { guests: simulator.guests(), volumes: simulator.volumes(), tasks: [] };
    const old = new Set(kept.volumes.map(({ mark }) => mark));
    await simulator.close();
    simulator = await startSimulator({ ...options, state: kept });
    client = clientOf(simulator, TOKEN);
    await client.call('PUT', vm(820, '/config'), { scsi2: 'local-lvm:1' });
    expect(simulator.volumes()).toHaveLength(kept.volumes.length + 1);
    expect(old.has(Number(markIn(820, 'scsi2')))).toBe(false);
  });
});
