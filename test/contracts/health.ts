import { describe, expect, it, onTestFinished } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import type { GuestKind, HealthCheck } from '../../src/core/guest.ts';
import { checkNames, checkOf } from '../../src/core/health.ts';
import type { Health } from '../../src/health/health.ts';
import { aMonitor } from '../health/bench.ts';

/** Health of the guest 823 `test-website` on `pve1`, which is healthy, and the hands of somebody who changes that. */
export interface World {
  readonly health: Health;
  /** It stops, for good. */
  fall(): Promise<void>;
  /** The cluster refuses to tell how it is, with a `UserError`. */
  hide(): Promise<void>;
  close(): Promise<void>;
}

const checks: readonly (readonly [string, HealthCheck | undefined])[] = [
  ['without a check', undefined],
  ['with an agent', { agent: true, tcp: [], timeoutS: 120 }],
  ['that need not do anything but run', { agent: false, tcp: [], timeoutS: 20 }],
  ['with a port', { agent: true, tcp: [22], timeoutS: 120 }],
  ['with a URL', { agent: false, tcp: [22], http: 'http://web.example.net/', timeoutS: 120 }],
];

/** What every judge of health promises to those that use it. */
export function healthContract(name: string, open: (kind: GuestKind) => Promise<World>): void {
  for (const kind of ['vm', 'container'] as const) contractFor(`${name}, of a ${kind}`, kind, () => open(kind));
}

function contractFor(name: string, guestKind: GuestKind, open: () => Promise<World>): void {
  const guest = { guestKind, vmid: 823, node: 'pve1', name: 'test-website' };
  const start = async () => {
    const world = await open();
    onTestFinished(() => world.close());
    return world;
  };
  const of = (check: HealthCheck | undefined) => (check === undefined ? guest : { ...guest, check });

  describe(name, () => {
    it.each(checks)('finds a guest %s healthy, with a line for each check', async (_, check) => {
      const { health } = await start();
      const report = await health.check(of(check), aMonitor());
      expect(report.healthy).toBe(true);
      expect(report.tookMs).toBeGreaterThanOrEqual(0);
      expect(report.checks.map((one) => one.name)).toEqual(checkNames(checkOf(guestKind, check)));
      for (const one of report.checks) {
        expect(one.ok).toBe(true);
        expect(one.text.startsWith(`${one.name}: `), one.text).toBe(true);
      }
    });

    it.each(checks)('finds a stopped guest %s ill, tells so meanwhile and does not throw', async (_, check) => {
      const world = await start();
      await world.fall();
      const monitor = aMonitor();
      const given = check === undefined ? undefined : { ...check, timeoutS: 10 };
      const report = await world.health.check(of(given), monitor);
      expect(report.healthy).toBe(false);
      expect(report.checks.map((one) => one.name)).toEqual(checkNames(checkOf(guestKind, check)));
      const running = report.checks[0];
      expect(running?.ok).toBe(false);
      expect(running?.text).toMatch(/^running: .+, \d+ tries in \d+ s$/);
      expect(monitor.lines.length).toBeGreaterThan(0);
    });

    it('throws what the cluster says when it cannot judge', async () => {
      const world = await start();
      await world.hide();
      const watching = world.health.check(of({ agent: true, tcp: [], timeoutS: 4 }), aMonitor());
      await expect(watching).rejects.toBeInstanceOf(UserError);
    });

    it('ends with the reason of a signal that has ended before', async () => {
      const { health } = await start();
      const cancelled = AbortSignal.abort(new Error('a person asked to stop'));
      await expect(health.check(guest, aMonitor(), cancelled)).rejects.toThrow('a person asked to stop');
    });

    it('ends with the reason of a signal that ends meanwhile', async () => {
      const world = await start();
      await world.fall();
      const cancel = new AbortController();
      const monitor = { line: () => cancel.abort(new Error('a person asked to stop')) };
      await expect(world.health.check(guest, monitor, cancel.signal)).rejects.toThrow('a person asked to stop');
    });
  });
}
