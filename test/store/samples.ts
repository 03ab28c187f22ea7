import type { PlanningRun } from '../../src/core/run.ts';
import type { AuditEntry, SavedRun } from '../../src/store/store.ts';
import { aPlan, aRun } from '../support/builders.ts';

/** A run that goes on. */
export function anOpenRun(n: number, change: Partial<PlanningRun> = {}): SavedRun {
  const run = aRun('planning', aPlan(), { id: `r-${n}`, fleet: 'acme', startedAt: 1000 + n, ...change });
  return { run, messages: {} };
}

/** A run that has ended. */
export function anEndedRun(n: number): SavedRun {
  const run = aRun('in-sync', aPlan(), { id: `r-${n}`, fleet: 'acme', startedAt: 1000 + n, endedAt: 2000 + n });
  return { run, messages: { console: `m-${n}` } };
}

/** A run that was applied. */
export function anAppliedRun(n: number, { fleet = 'acme' }: { readonly fleet?: string } = {}): SavedRun {
  return { run: { ...aRun('applied'), id: `r-${n}`, fleet }, messages: { console: `m-${n}` } };
}

export function anEntry(n: number, change: Partial<AuditEntry> = {}): AuditEntry {
  return { at: n, action: 'approved', who: 'console:owner', run: `r-${n}`, plan: 'd'.repeat(64), ...change };
}
