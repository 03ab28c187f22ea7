import { describe, expect, it } from 'vitest';
import { costOf } from '../../src/core/cost.ts';
import type { Plan } from '../../src/core/plan.ts';
import type { Run, RunEvent } from '../../src/core/run.ts';
import { planSteps } from '../../src/core/steps.ts';
import { aGuest, aLiveGuest, anImage, aPlan, aRun, follow, minute, t0 } from '../support/builders.ts';

/** Replaces the guests of these VMIDs that run. */
const replacing = (...vmids: readonly number[]) =>
  aPlan(
    { guests: vmids.map((vmid) => aGuest({ vmid, name: `web-${vmid}`, image: anImage('b') })) },
    vmids.map((vmid) => aLiveGuest({}, aGuest({ vmid, name: `web-${vmid}` }))),
  );

/** An apply in which each step takes a second, and each restart and health check together as many as are given. */
function applied(plan: Plan, seconds: number, upload?: number): Run {
  let at = t0 + 2 * minute;
  const events = planSteps(plan).flatMap(({ id, kind }): RunEvent[] => {
    const from = at;
    at += (kind === 'health' ? seconds - 2 : 1) * 1000;
    const bytes = kind === 'upload' && upload !== undefined ? { bytes: upload } : {};
    return [
      { type: 'step-started', id, at: from },
      { type: 'step-done', id, at, ...bytes },
    ];
  });
  return follow(aRun('applying', plan), ...events, { type: 'applied', at, addresses: {} });
}

describe('the downtime of a guest', () => {
  it('is the time from its last restart until it was healthy', () => {
    const runs = [applied(replacing(801), 40), applied(replacing(801), 20)];
    expect(costOf(replacing(801), runs).downtimeMs).toEqual({ 801: 20_000 });
  });

  it('is the median of the others for one that was never restarted', () => {
    const runs = [10, 20, 90].map((seconds, index) => applied(replacing(801 + index), seconds));
    expect(costOf(replacing(801, 810), runs).downtimeMs).toEqual({ 801: 10_000, 810: 20_000 });
  });

  it('is not told where nothing is known, nor of a guest that is not restarted or was down', () => {
    expect(costOf(replacing(801), [])).toEqual({});
    const runs = [applied(replacing(801), 20)];
    const renamed = aPlan({ guests: [aGuest({ vmid: 801 })] }, [aLiveGuest({ name: 'old' }, aGuest({ vmid: 801 }))]);
    expect(costOf(renamed, runs).downtimeMs).toBeUndefined();
    const stopped = aPlan({ guests: [aGuest({ image: anImage('b') })] }, [aLiveGuest({ status: 'stopped' })]);
    expect(costOf(replacing(801), [applied(stopped, 20)]).downtimeMs).toBeUndefined();
  });
});

describe('the last apply that did as much', () => {
  it('is the newest with as many guests of each action', () => {
    const two = applied(replacing(801, 802), 20);
    const runs = [applied(replacing(803, 804), 60), two, applied(replacing(801), 20)];
    const took = two.phase === 'applied' ? two.endedAt - two.appliedFrom : 0;
    expect(costOf(replacing(805, 806), runs).like).toEqual({ run: two.id, ms: took });
    expect(costOf(replacing(805, 806, 807), runs).like).toBeUndefined();
  });

  it('is no apply that did not end well', () => {
    const failed = follow(aRun('applying', replacing(801)), {
      ...{ type: 'failed', at: t0 + 5 * minute, failure: { message: 'x', details: [] } },
    });
    expect(costOf(replacing(801), [failed])).toEqual({});
  });
});

describe('the bytes to upload', () => {
  it('are those of the last image of the same kind, and unknown where one was never sent', () => {
    const runs = [applied(replacing(801), 20, 5000), applied(replacing(801), 20, 7000)];
    expect(costOf(replacing(801, 802), runs).uploadBytes).toBe(7000);
    const other = aGuest({ vmid: 803, name: 'c', image: anImage('c', 'vm', 'build-qcow2-other') });
    expect(costOf(aPlan({ guests: [aGuest({ vmid: 802 }), other] }), runs).uploadBytes).toBeUndefined();
  });
});
