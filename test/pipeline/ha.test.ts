import { describe, expect, it } from 'vitest';
import type { GuestKind } from '../../src/core/guest.ts';
import { seed } from '../cluster/proxmox/on-simulator.ts';
import { present } from './support/fleet.ts';
import { fleetOf, type Simulated, startSimulated } from './support/on-simulator.ts';

const images = { website: 'website 2' };

/** A guest that runs and that HA keeps running. */
async function managed(kind: GuestKind, change: object = {}, options: Parameters<typeof startSimulated>[0] = {}) {
  const world = await startSimulated(options);
  await world.deploy(1, fleetOf(kind, { website: change }));
  await world.simulator.outside({ do: 'ha', vmid: 823, state: 'started' });
  const before = powerTasks(world).length;
  const of = kind === 'vm' ? 'qemu' : 'lxc';
  return {
    ...world,
    of,
    /** The tasks for the power of the guest since then, the oldest first: `hastop bot`, `qmshutdown root`. */
    power: () => powerTasks(world).slice(before),
    ha: async () => {
      const status = await world.world.admin('GET', `/nodes/pve1/${of}/823/status/current`);
      return (status as { readonly ha: unknown }).ha;
    },
    /** A press that is answered, and the run after it. */
    push: (n: number, more: object = {}) =>
      world.bench.push(n, { ...fleetOf(kind, { website: { ...change, ...more } }), images }),
  };
}

function powerTasks({ simulator }: Simulated): string[] {
  return simulator
    .tasks()
    .toReversed()
    .filter(({ type, id }) => id === '823' && /^(?:ha|qm|vz)(?:start|stop|shutdown|reboot)$/.test(type))
    .map(({ type, user }) => `${type} ${user === 'root@pam' ? 'HA' : 'bot'}`);
}

const started = { managed: 1, state: 'started' };
const stopped = { managed: 1, state: 'stopped' };

describe.each([
  ['vm', 'qm'],
  ['container', 'vz'],
] as const)('a %s that HA keeps running', (kind, tool) => {
  it('is replaced with one restart, which is no request, and HA keeps it running', async () => {
    const { bench, push, power, ha, runs, plan } = await managed(kind);
    await push(2);
    expect(plan()).toEqual(['replace 823']);
    await bench.apply();
    bench.run('applied');
    expect(runs()).toBe(true);
    expect(power()).toEqual([`${tool}reboot bot`]);
    expect(await ha()).toEqual(started);
  });

  it('gets its old disk back by requests when it is not healthy on the new one, and is kept running', async () => {
    const { bench, push, power, ha, runs, config } = await managed(kind);
    const slot = kind === 'vm' ? 'scsi0' : 'rootfs';
    const old = String(config()[slot]).split(',')[0];
    bench.health.script(823, 'ill', 'well');
    await push(2);
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823 });
    expect(String(config()[slot]).split(',')[0]).toBe(old);
    expect(power().slice(1)).toEqual(['hastop bot', `${tool}stop HA`, 'hastart bot', `${tool}start HA`]);
    expect(runs()).toBe(true);
    expect(await ha()).toEqual(started);
  });

  it('goes back to its earlier disk when somebody asks', async () => {
    const { bench, push, ha, runs } = await managed(kind);
    await push(2);
    await bench.apply();
    await bench.chat.command('/proxnix rollback test-website');
    await bench.settle();
    await bench.apply();
    bench.run('applied');
    expect(runs()).toBe(true);
    expect(await ha()).toEqual(started);
  });

  it('is stopped by a request before it is destroyed, and HA forgets it', async () => {
    const { bench, simulator, power } = await managed(kind);
    await bench.push(2, { vms: {} });
    expect(bench.text()).toContain('HA stops it and forgets it');
    await bench.apply();
    bench.run('applied');
    expect(simulator.guest(823)).toBeUndefined();
    expect(power()).toEqual(['hastop bot', `${tool}stop HA`]);
  });

  it('is not taken for stopped while its request is under way', async () => {
    const { bench, proxy, simulator } = await managed(kind);
    await bench.push(2, { vms: {} });
    const ran: boolean[] = [];
    proxy.before = (_, write) => {
      if (write.startsWith('DELETE')) ran.push(present(simulator.guest(823)).startedAt !== undefined);
    };
    await bench.apply();
    bench.run('applied');
    expect(ran).toEqual([false]);
  });

  it('handed to HA after the plan changes as planned', async () => {
    const { bench, simulator, deploy, runs, push } = { ...(await managed(kind)) };
    await simulator.outside({ do: 'ha', vmid: 823, state: null });
    await deploy(2, fleetOf(kind, { website: { description: 'new' } }));
    await push(3, { description: 'new' });
    bench.run('planned');
    await simulator.outside({ do: 'ha', vmid: 823, state: 'started' });
    await bench.apply();
    bench.run('applied');
    expect(runs()).toBe(true);
  });

  it.each(['hastop', 'hastart'] as const)('is done once when the answer to a %s is lost', async (lost) => {
    const { bench, push, proxy, power, runs } = await managed(kind);
    bench.health.script(823, 'ill', 'well');
    await push(2);
    proxy.lose({ method: 'POST', path: lost === 'hastop' ? /\/status\/stop$/ : /\/status\/start$/, what: 'answer' });
    await bench.apply();
    expect(bench.run('failed').failure.rolledBack).toMatchObject({ vmid: 823 });
    expect(power().filter((task) => task === `${lost} bot`)).toHaveLength(1);
    expect(proxy.waiting).toBe(0);
    expect(runs()).toBe(true);
  });

  it('that does not start tells the reason of the task of HA', async () => {
    const { bench, push, simulator } = await managed(kind);
    bench.health.script(823, 'ill', 'well');
    await push(2);
    await simulator.outside({ do: 'end-task', type: `${tool}start`, when: 'before', exit: 'start failed: no memory' });
    await bench.apply();
    const { next = '' } = bench.run('failed').failure;
    expect(next).toContain('could not be rolled back');
    expect(next).toMatch(/HA's start of (?:VM|CT) 823 failed: start failed: no memory/);
  });
});

describe.each(['vm', 'container'] as const)('a %s that HA holds stopped', (kind) => {
  async function held() {
    const world = await managed(kind);
    await world.world.admin('POST', `/nodes/pve1/${world.of}/823/status/stop`);
    await expect.poll(() => world.runs()).toBe(false);
    return world;
  }

  it('gets its new disk and stays stopped', async () => {
    const { bench, push, runs, ha, power } = await held();
    const before = power().length;
    await push(2);
    expect(bench.text()).toContain('it stays stopped, as HA holds it');
    await bench.apply();
    bench.run('applied');
    expect(runs()).toBe(false);
    expect(power()).toHaveLength(before);
    expect(await ha()).toEqual(stopped);
    await bench.push(3, { ...fleetOf(kind, { website: {} }), images });
    bench.run('in-sync');
  });

  it('is not started by the plan that finishes an interrupted replace', async () => {
    const { bench, push, beforeNext, runs } = await held();
    await push(2);
    beforeNext('finish', () => {
      bench.kill();
      return new Promise(() => undefined);
    });
    await bench.press('approve');
    await Promise.race([bench.settle(), bench.life.ended]);
    await bench.restart();
    await bench.settle();
    expect(bench.text()).toContain('it stays stopped, as HA holds it');
    await bench.apply();
    bench.run('applied');
    expect(runs()).toBe(false);
  });

  it('voids an approval when HA starts it meanwhile', async () => {
    const { bench, push, simulator, runs, world, of } = await held();
    await push(2);
    bench.run('planned');
    await world.admin('POST', `/nodes/pve1/${of}/823/status/start`);
    await expect.poll(() => runs()).toBe(true);
    await simulator.outside({ do: 'ha', vmid: 823, state: 'started' });
    await bench.press('approve');
    await bench.settle();
    expect(bench.run('planned').clusterChanges).toBeDefined();
  });
});

describe('a VM that HA keeps running', () => {
  it('whose root slot is not in its boot order is stopped by a request before its swap is written', async () => {
    const { bench, push, proxy, simulator, power, ha, runs } = await managed('vm');
    await simulator.outside({ do: 'edit', vmid: 823, set: { boot: 'order=net0' } });
    const ran: boolean[] = [];
    proxy.before = (_, write) => {
      if (write === 'PUT /nodes/pve1/qemu/823/config') ran.push(present(simulator.guest(823)).startedAt !== undefined);
    };
    await push(2);
    await bench.apply();
    bench.run('applied');
    // The tag of a guest at work, the swap, the final tags.
    expect(ran).toEqual([true, false, true]);
    expect(power()).toEqual(['hastop bot', 'qmshutdown HA', 'hastart bot', 'qmstart HA']);
    expect(runs()).toBe(true);
    expect(await ha()).toEqual(started);
  });

  it('is stopped and started by requests when it does not shut down for its restart', async () => {
    const { bench, push, power, ha, runs, config } = await managed('vm', { name: 'test-deaf' });
    await bench.push(2, fleetOf('vm', { website: { name: 'test-deaf', memory_mb: 4096 } }));
    await bench.apply();
    bench.run('applied');
    expect(push).toBeDefined();
    expect(Number(config()['memory'])).toBe(4096);
    expect(power()).toEqual(['qmreboot bot', 'hastop bot', 'qmshutdown HA', 'hastart bot', 'qmstart HA']);
    expect(runs()).toBe(true);
    expect(await ha()).toEqual(started);
  });

  it('tells where to look when the token may not see the tasks of HA', async () => {
    const blind = JSON.parse(JSON.stringify(seed()).replaceAll('"Sys.Audit"', '"Sys.Syslog"'));
    const { bench, push, simulator } = await managed('vm', {}, { seed: blind });
    bench.health.script(823, 'ill', 'well');
    await push(2);
    await simulator.outside({ do: 'end-task', type: 'qmstart', when: 'before', exit: 'start failed: no memory' });
    await bench.apply();
    expect(bench.run('failed').failure.next).toContain('with Sys.Audit on /nodes/pve1 only');
  });

  it.each(['error', 'fence', 'migrate'])(
    'is blocked in the state %s, and only where it would be stopped',
    async (state) => {
      const { bench, push, simulator, plan } = await managed('vm');
      await simulator.outside({ do: 'ha', vmid: 823, state });
      await push(2);
      expect(bench.run('blocked').plan.changes).toMatchObject([{ action: 'replace', blocked: { reason: 'ha' } }]);
      expect(bench.text()).toContain(state);
      await bench.push(3, fleetOf('vm', { website: { description: 'new' } }));
      expect(plan()).toEqual(['update 823']);
    },
  );
});
