import type { MessageRef } from '../chat/chat.ts';
import { hasEnded } from '../core/advance.ts';
import { type Run, reachedApply } from '../core/run.ts';
import type { FleetChange, FleetRecord, SavedRun } from './store.ts';

/** How many runs that have ended are kept of each fleet: so many that reached an apply, and so many others. */
const retention = 100;

/** The version of the store that this program writes; a store of an older one is migrated when it is read. */
export const currentVersion = 2;

/** Everything a store holds, as one value. */
export interface StoreData {
  readonly version: typeof currentVersion;
  /** Oldest first. */
  readonly runs: readonly SavedRun[];
  readonly fleets: Readonly<Record<string, FleetRecord>>;
  /** What holds for a fleet that is not among `fleets`; set where those of a damaged store could not be read. */
  readonly unread?: FleetRecord;
}

/** A store that holds nothing. */
export const emptyData: StoreData = { version: currentVersion, runs: [], fleets: {} };

/**
 * With a run saved; the oldest ended runs beyond the limit go. What anybody may ask for and what was applied are counted
 * apart, each fleet by itself: no number of asks pushes out a run that changed guests.
 */
export function withRun(data: StoreData, saved: Run): StoreData {
  const known = data.runs.some(({ run }) => run.id === saved.id);
  const runs: readonly SavedRun[] = known
    ? data.runs.map((one) => (one.run.id === saved.id ? { ...one, run: saved } : one))
    : [...data.runs, { run: saved, messages: {} }];
  const newer = new Map<string, number>();
  const kept = runs.toReversed().filter(({ run }) => {
    if (!hasEnded(run)) return true;
    const key = retentionKey(run);
    const count = newer.get(key) ?? 0;
    newer.set(key, count + 1);
    return count < retention;
  });
  return { ...data, runs: kept.reverse() };
}

/** With where a run is shown; `undefined` when the run is not there. */
export function withMessages(data: StoreData, runId: string, messages: MessageRef): StoreData | undefined {
  if (!data.runs.some(({ run }) => run.id === runId)) return undefined;
  const add = (one: SavedRun) => (one.run.id === runId ? { ...one, messages: { ...one.messages, ...messages } } : one);
  return { ...data, runs: data.runs.map(add) };
}

function retentionKey(run: Run): string {
  return `${reachedApply(run) ? 'applied' : 'other'} ${run.fleet}`;
}

/** What is remembered of a fleet; a name may be one that every object knows. */
export function fleetIn(data: StoreData, name: string): FleetRecord {
  return (Object.hasOwn(data.fleets, name) ? data.fleets[name] : data.unread) ?? {};
}

/** With some facts of a fleet changed; `undefined` removes one. */
export function withFleet(data: StoreData, name: string, change: FleetChange): StoreData {
  const merged = Object.entries({ ...fleetIn(data, name), ...change }).filter(([, value]) => value !== undefined);
  return { ...data, fleets: { ...data.fleets, [name]: Object.fromEntries(merged) } };
}
