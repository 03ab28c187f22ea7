import { hasEnded } from '../core/advance.ts';
import { type Image, imageHash } from '../core/guest.ts';
import type { LiveState } from '../core/live.ts';
import { planOf, type Run } from '../core/run.ts';
import { readTags } from '../core/tags.ts';
import type { Fleet } from './ports.ts';

/** Store hashes of the images that guests run, or that a run of these fleets may still bring to one. */
export function imagesInUse(live: LiveState, fleets: readonly Fleet[], runs: readonly Run[]): ReadonlySet<string> {
  const running = live.guests.flatMap((guest) => readTags(guest.tags).imageHash ?? []);
  const open = runs.filter((run) => !hasEnded(run) && fleets.some((fleet) => fleet.name === run.fleet));
  return new Set([...running, ...open.flatMap(imagesOf).map((image) => imageHash(image))]);
}

/**
 * The images that the garbage collector of Nix must leave: of what is applied, of what was applied within the rollback
 * window, and of plans that are open. `undefined` when it is not known what is applied.
 */
export function imagesToKeep(fleet: Fleet, runs: readonly Run[], now: number): readonly Image[] | undefined {
  const ours = runs.filter((run) => run.fleet === fleet.name);
  const last = ours.findLast((run) => run.phase === 'applied');
  if (last === undefined) return undefined;
  const kept = ours.filter(
    (run) => run === last || !hasEnded(run) || (run.phase === 'applied' && run.endedAt + fleet.rollbackWindowMs > now),
  );
  const images = kept.flatMap(imagesOf).map((image) => [image.storePath, image] as const);
  return [...new Map(images).values()];
}

function imagesOf(run: Run): readonly Image[] {
  return planOf(run)?.goal.guests.map((guest) => guest.image) ?? [];
}
