import { expect } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import type { LiveDisk } from '../../src/core/live.ts';
import type { Plan } from '../../src/core/plan.ts';
import { aGuest, aLiveGuest, aPlan } from '../support/builders.ts';

/** The one change of a plan for test-website as it is live. */
export function change(live: Parameters<typeof aLiveGuest>[0], guest = aGuest()): Change {
  return onlyChange(aPlan({ guests: [guest] }, [aLiveGuest(live)]));
}

/** The one change of a plan. */
export function onlyChange(plan: Plan): Change {
  expect(plan.changes).toHaveLength(1);
  const [only] = plan.changes;
  if (only === undefined) throw new Error('there is no change');
  return only;
}

/** The disks of a guest whose root disk has this size. */
export function disk(gibibytes: number, storage = 'local-lvm'): Readonly<Record<string, LiveDisk>> {
  return { scsi0: { volid: `${storage}:vm-823-disk-0`, storage, sizeMb: gibibytes * 1024 } };
}
