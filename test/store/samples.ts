import type { InSyncRun, PlanningRun } from '../../src/core/run.ts';
import type { AuditEntry, SavedRun } from '../../src/store/store.ts';
import { aRun } from '../support/builders.ts';

/** A run that goes on. */
export function anOpenRun(n: number, change: Partial<PlanningRun> = {}): SavedRun {
  const run: PlanningRun = {
    phase: 'planning',
    id: `r-${n}`,
    fleet: 'acme',
    branch: 'main',
    trigger: { kind: 'push' },
    startedAt: 1000 + n,
    activity: 'waiting',
    ...change,
  };
  return { run, messages: {} };
}

/** A run that has ended. */
export function anEndedRun(n: number): SavedRun {
  const { run } = anOpenRun(n);
  const { id, fleet, branch, trigger, startedAt } = run;
  const ended: InSyncRun = { id, fleet, branch, trigger, startedAt, phase: 'in-sync', endedAt: 2000 + n };
  return { run: ended, messages: { console: `m-${n}` } };
}

/** A run that was applied. */
export function anAppliedRun(n: number, { fleet = 'acme' }: { readonly fleet?: string } = {}): SavedRun {
  return { run: { ...aRun('applied'), id: `r-${n}`, fleet }, messages: { console: `m-${n}` } };
}

export function anEntry(n: number, change: Partial<AuditEntry> = {}): AuditEntry {
  return { at: n, action: 'approved', who: 'console:owner', run: `r-${n}`, plan: 'd'.repeat(64), ...change };
}
