import { describe, expect, it } from 'vitest';
import { fleetOf, startSimulated } from './support/on-simulator.ts';

const pending = 'proxnix;proxnix-pending';

describe.each(['vm', 'container'] as const)('a %s', (kind) => {
  const label = kind === 'vm' ? 'VM' : 'CT';
  const first = fleetOf(kind, { website: {} });
  const second = { ...first, images: { website: 'website 2' } };

  it('cannot be approved on a storage that is full, and is made where there is room', async () => {
    const { bench, simulator, deploy, orphans } = await startSimulated();
    await bench.push(1, fleetOf(kind, { website: { storage_location: 'full' } }));
    expect(bench.run('blocked').plan.changes[0]?.blocked?.advice).toMatch(
      /^Storage "full" on pve1 has 0 B free; .* needed.* choose another `storage_location`/,
    );
    expect(bench.buttons().map(({ action }) => action)).toEqual(['plan-again']);
    expect(simulator.guests()).toEqual([]);
    await deploy(2, first);
    expect(orphans()).toEqual([]);
  });

  it('runs on when there is no room for its new root, and nothing is left of it', async () => {
    const { bench, config, runs, simulator, deploy, orphans } = await startSimulated();
    await deploy(1, first);
    const before = { ...config() };
    await simulator.outside({
      do: 'end-task',
      type: kind === 'vm' ? 'qmconfig' : 'imgcopy',
      when: 'before',
      exit: full,
    });
    await bench.push(2, second);
    await bench.apply();
    expect(bench.run('failed').failure.message).toContain('No space left on device');
    expect([config(), runs()]).toEqual([before, true]);
    expect(simulator.guests().map(({ vmid }) => vmid)).toEqual([823]);
    expect(orphans()).toEqual([]);
    await bench.press('plan-again');
    await bench.settle();
    await bench.apply();
    bench.run('applied');
  });

  it.each(['backup', 'snapshot'])('that is locked by a %s in the middle of a run is waited for', async (lock) => {
    const { bench, simulator, beforeNext, world, config, deploy } = await startSimulated();
    await deploy(1, first);
    await bench.push(2, second);
    let freed: Promise<void> | undefined;
    beforeNext('swap', async () => {
      await simulator.outside({ do: 'lock', vmid: 823, lock });
      const from = world.requests.length;
      const looks = () => world.requests.slice(from).filter((request) => request.endsWith('/823/pending')).length;
      freed = expect
        .poll(looks, { interval: 5 })
        .toBeGreaterThan(2)
        .then(() => simulator.outside({ do: 'unlock', vmid: 823 }));
    });
    await bench.apply();
    await freed;
    bench.run('applied');
    expect(config()['lock']).toBeUndefined();
    expect(config()['tags']).not.toBe(pending);
  });

  it('that stays locked ends the run with what root can do, and the next plan finishes the work', async () => {
    const { bench, simulator, beforeNext, proxy, runs, plan, deploy, orphans } = await startSimulated();
    await deploy(1, first);
    await bench.push(2, second);
    let from = 0;
    beforeNext('swap', async () => {
      await simulator.outside({ do: 'lock', vmid: 823, lock: 'backup' });
      from = proxy.sent.length;
    });
    await bench.apply();
    const { failure } = bench.run('failed');
    expect(failure.message).toBe(`${label} 823 is locked (backup).`);
    expect(failure.next).toContain(`root can \`${kind === 'vm' ? 'qm' : 'pct'} unlock 823\``);
    expect([proxy.sent.slice(from), runs()]).toEqual([[], true]);
    await bench.press('plan-again');
    await bench.settle();
    expect(bench.run('blocked').plan.changes[0]?.blocked?.reason).toBe('locked');
    await simulator.outside({ do: 'unlock', vmid: 823 });
    await bench.press('plan-again');
    await bench.settle();
    expect(plan()).toEqual(['replace 823']);
    await bench.apply();
    bench.run('applied');
    expect(orphans()).toEqual([]);
  });

  it('that somebody edits between two steps is left as they made it, and the next plan starts from there', async () => {
    const steps = ['prepare', 'attach', 'swap', 'restart', 'start', 'finish'] as const;
    for (const step of steps) {
      const { bench, simulator, beforeNext, proxy, config, runs, deploy, orphans } = await startSimulated();
      await deploy(1, first);
      await bench.push(2, second);
      let from = 0;
      beforeNext(step, async () => {
        await simulator.outside({ do: 'edit', vmid: 823, set: { description: 'theirs' } });
        from = proxy.sent.length;
      });
      await bench.apply();
      expect(bench.run('failed').failure.message, step).toMatch(/changed by somebody else/);
      const wrote = proxy.sent.slice(from).filter((write) => write.includes('/823/'));
      // Once the new root is in place the old one is put back, on the guest as they made it.
      if (step !== 'restart' && step !== 'start') expect(wrote, step).toEqual([]);
      expect(String(config()['description']).trim(), step).toBe('theirs');
      expect(runs(), step).toBe(true);
      await bench.press('plan-again');
      await bench.settle();
      await bench.apply();
      bench.run('applied');
      expect(String(config()['description'] ?? '').trim(), step).toBe('theirs');
      expect(
        simulator.guests().map(({ vmid }) => vmid),
        step,
      ).toEqual([823]);
      expect(orphans(), step).toEqual([]);
    }
  });
});

const full = 'cp: error writing: No space left on device';
