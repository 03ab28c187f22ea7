import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { WorldState } from './world.ts';

/** The state kept in a file, or undefined when there is no file yet. A damaged file is an error, never overwritten. */
export function loadState(path: string): WorldState | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const state: unknown = JSON.parse(text);
  if (isState(state)) return state;
  throw new Error(`${path} does not hold the state of a simulator`);
}

/** Writes the state to a file beside it, then takes its place, so that a crash leaves the old or the new one. */
export function saveState(path: string, state: WorldState): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify(state));
  renameSync(fresh, path);
}

/** The file is the simulator's own: only that it is whole is looked at. */
function isState(value: unknown): value is WorldState {
  if (typeof value !== 'object' || value === null) return false;
  return ['guests', 'volumes', 'tasks'].every((key) => key in value && Array.isArray(Reflect.get(value, key)));
}
