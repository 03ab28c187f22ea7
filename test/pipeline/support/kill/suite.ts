import { beforeAll, describe, expect, it } from 'vitest';
import { mapLimit } from '../../../../src/cluster/proxmox/state.ts';
import type { Point } from './deaths.ts';
import type { KindOfGuest } from './kinds.ts';
import { expectRecovered } from './recovered.ts';
import { type Story, storiesOf } from './stories.ts';
import { KillWorld } from './world.ts';

/** How many worlds there are at once. */
const worlds = 8;

/** Kills the bot at every write of every story, starts another one, and looks at what has become of it all. */
export async function killEverywhere(kind: KindOfGuest, stories = storiesOf): Promise<void> {
  for (const story of await stories(kind)) {
    describe(`${story.title}, killed at any write`, () => {
      let points: readonly Point[] = [];
      beforeAll(async () => {
        const writes = await undisturbed(story, kind);
        points = writes.filter((write) => story.requestsOnly !== true || isRequest(write)).flatMap(pointsOf);
      });

      it('ends in the right state', async () => {
        expect(points.length).toBeGreaterThan(4);
        const failures = await mapLimit(points, worlds, (point) => killed(story, kind, point));
        expect(failures.flat()).toEqual([]);
      }, 120_000);
    });
  }
}

/**
 * Before every write. After it only where something goes on in the cluster meanwhile: all others leave the same behind
 * as a death before the next one.
 */
function pointsOf(write: string): readonly Point[] {
  const goesOn = isRequest(write) || / running \w+$/.test(write);
  return [{ write, when: 'before' }, ...(goesOn ? [{ write, when: 'after' } as const] : [])];
}

function isRequest(write: string): boolean {
  return /^(?:POST|PUT|DELETE) /.test(write);
}

/** The whole story, with nobody killed. @returns what it writes, in order */
async function undisturbed(story: Story, kind: KindOfGuest): Promise<readonly string[]> {
  const world = await KillWorld.open(story.from);
  try {
    await story.act(world);
    const writes = [...world.writes];
    await story.recover(world);
    await expectRecovered(world, kind, story);
    return writes;
  } finally {
    await world.close();
  }
}

/** @returns what was wrong afterwards */
async function killed(story: Story, kind: KindOfGuest, point: Point): Promise<readonly string[]> {
  const world = await KillWorld.open(story.from, point);
  try {
    await story.act(world);
    if (!world.isDead) throw new Error('it was not killed');
    story.always?.(world);
    const wasApplying = world.bench.store
      .reopen()
      .runs()
      .some(({ run }) => run.phase === 'applying');
    await world.restart();
    // What was cut off is looked into, and nothing of it is run again unasked.
    if (wasApplying) expect(world.writes.filter(isRequest), 'requests after the restart').toEqual([]);
    story.always?.(world);
    await story.recover(world);
    story.always?.(world);
    await expectRecovered(world, kind, story);
    return [];
  } catch (error) {
    return [`killed ${point.when} ${point.write}: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    await world.close();
  }
}
