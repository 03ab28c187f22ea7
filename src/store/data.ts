import { hasEnded } from '../core/advance.ts';
import type { FleetChange, FleetRecord, SavedRun } from './store.ts';

/** How many runs that have ended are kept. */
const keptRuns = 100;

/** Everything a store holds, as one value. */
export interface StoreData {
  readonly version: 1;
  /** Oldest first. */
  readonly runs: readonly SavedRun[];
  readonly fleets: Readonly<Record<string, FleetRecord>>;
  /** What holds for a fleet that is not among `fleets`; set where those of a damaged store could not be read. */
  readonly unread?: FleetRecord;
}

export const emptyData: StoreData = { version: 1, runs: [], fleets: {} };

/** With a run saved; the oldest ended runs beyond the limit go. */
export function withRun(data: StoreData, saved: SavedRun): StoreData {
  const known = data.runs.some(({ run }) => run.id === saved.run.id);
  const runs = known ? data.runs.map((one) => (one.run.id === saved.run.id ? saved : one)) : [...data.runs, saved];
  const surplus = runs.filter(({ run }) => hasEnded(run)).length - keptRuns;
  const dropped = new Set(
    runs
      .filter(({ run }) => hasEnded(run))
      .slice(0, Math.max(0, surplus))
      .map(({ run }) => run.id),
  );
  return { ...data, runs: runs.filter(({ run }) => !dropped.has(run.id)) };
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
