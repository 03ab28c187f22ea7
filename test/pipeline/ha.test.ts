import { describe, expect, it } from 'vitest';
import { present } from './support/fleet.ts';
import { fleetOf, startSimulated } from './support/on-simulator.ts';

describe.each(['vm', 'container'] as const)('a %s that HA manages', (kind) => {
  it('is changed only where that needs neither a stop nor a start, until it is taken out', async () => {
    const { bench, simulator, plan, runs, config } = await startSimulated();
    const images = { website: 'website 2' };
    await bench.push(1, fleetOf(kind, { website: {} }));
    await bench.apply();
    await simulator.outside({ do: 'ha', vmid: 823, state: 'started' });

    await bench.push(2, { ...fleetOf(kind, { website: {} }), images });
    expect(bench.run('blocked').plan.changes).toMatchObject([{ action: 'replace', blocked: { reason: 'ha' } }]);
    expect(bench.text()).toContain(`ha-manager remove ${kind === 'vm' ? 'vm' : 'ct'}:823`);
    await bench.push(3, { vms: {} });
    expect(bench.run('blocked').plan.changes).toMatchObject([{ action: 'destroy', blocked: { reason: 'ha' } }]);
    await bench.push(4, fleetOf(kind, { website: { description: 'new' } }));
    expect(plan()).toEqual(['update 823']);
    await bench.apply();
    bench.run('applied');
    expect(String(config()['description']).trim()).toBe('new');

    await bench.push(5, { ...fleetOf(kind, { website: { description: 'new' } }), images });
    bench.run('blocked');
    await simulator.outside({ do: 'ha', vmid: 823, state: null });
    await bench.press('plan-again');
    await bench.settle();
    await bench.apply();
    bench.run('applied');
    expect(runs()).toBe(true);
  });

  it('voids the approval when it was handed to HA after the plan', async () => {
    const { bench, simulator, asked } = await startSimulated();
    await bench.push(1, fleetOf(kind, { website: {} }));
    await bench.apply();
    await bench.push(2, { ...fleetOf(kind, { website: {} }), images: { website: 'website 2' } });
    bench.run('planned');
    await simulator.outside({ do: 'ha', vmid: 823, state: 'started' });
    asked.length = 0;
    await bench.press('approve');
    await bench.settle();
    expect(bench.run('blocked').plan.changes).toMatchObject([{ blocked: { reason: 'ha' } }]);
    expect(asked).toEqual([]);
    expect(present(simulator.guest(823)).startedAt).toBeDefined();
  });
});
