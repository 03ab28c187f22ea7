import { checkNames, checkOf } from '../../src/core/health.ts';
import type { CheckedGuest, Health, HealthMonitor, HealthReport } from '../../src/health/health.ts';

/** How a watch ends: healthy, healthy without an agent that answers, ill, or not judged because the cluster does not tell. */
export type FakeEnd = 'well' | 'silent' | 'ill' | Error;

/** Health by script, for tests of what uses it. Every guest is healthy until told otherwise; no time passes. */
export class FakeHealth implements Health {
  readonly #ends = new Map<number, FakeEnd[]>();
  /** The guests that were watched, in order. */
  readonly watched: CheckedGuest[] = [];
  /** Awaited before a watch ends, so that a test can stand in the middle of one. */
  hold: Promise<void> = Promise.resolve();

  /** How the next watches of a guest end, one after the other; the last one goes on. */
  script(vmid: number, ...ends: readonly FakeEnd[]): void {
    this.#ends.set(vmid, [...ends]);
  }

  async check(guest: CheckedGuest, monitor: HealthMonitor, signal?: AbortSignal): Promise<HealthReport> {
    signal?.throwIfAborted();
    this.watched.push(guest);
    const end = this.#next(guest.vmid);
    if (end !== 'well' && end !== 'silent') monitor.line('running: it is not running');
    await this.hold;
    signal?.throwIfAborted();
    if (end instanceof Error) throw end;
    if (end === 'silent') return { ...wellReport(guest), agentAnswered: false };
    return end === 'well' ? wellReport(guest) : illReport(guest);
  }

  #next(vmid: number): FakeEnd {
    const ends = this.#ends.get(vmid) ?? [];
    return (ends.length > 1 ? ends.shift() : ends[0]) ?? 'well';
  }
}

function wellReport({ guestKind, check }: CheckedGuest): HealthReport {
  const checks = checkNames(checkOf(guestKind, check)).map((name) => ({ name, ok: true, text: `${name}: yes` }));
  return { healthy: true, checks, tookMs: 14_000, agentAnswered: checks.some(({ name }) => name === 'agent ping') };
}

function illReport({ guestKind, check }: CheckedGuest): HealthReport {
  const took = check?.timeoutS ?? 120;
  const text = (name: string) => `${name}: no, ${took / 2 + 1} tries in ${took} s`;
  return {
    healthy: false,
    checks: checkNames(checkOf(guestKind, check)).map((name) => ({ name, ok: false, text: text(name) })),
    tookMs: took * 1000,
    agentAnswered: false,
  };
}
