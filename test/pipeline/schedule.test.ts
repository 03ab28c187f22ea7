import { describe, expect, it } from 'vitest';
import { Schedule } from '../../src/pipeline/maintenance.ts';
import { gate, ManualClock } from './support/clock.ts';

function aSchedule() {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  return { clock, errors, schedule: new Schedule({ clock, onError: (error) => errors.push(error) }) };
}

describe('a schedule', () => {
  it('does a job every so often, also after it failed, and never when there is no interval', async () => {
    const { clock, errors, schedule } = aSchedule();
    let times = 0;
    schedule.every(100, async () => {
      if (++times === 1) throw new Error('broken');
    });
    schedule.every(undefined, async () => {
      times = Number.NaN;
    });
    await clock.advance(350);
    expect(times).toBe(3);
    expect(errors).toEqual([new Error('broken')]);
  });

  it('waits for a job before it counts to the next', async () => {
    const { clock, schedule } = aSchedule();
    const held = gate();
    let times = 0;
    schedule.every(100, () => {
      times++;
      return held.opened;
    });
    await clock.advance(1000);
    expect(times).toBe(1);
    held.open();
    await clock.advance(100);
    expect(times).toBe(2);
  });

  it('begins nothing any more once it is stopped, and is stopped when what is at work is over', async () => {
    const { clock, schedule } = aSchedule();
    const held = gate();
    schedule.every(100, () => held.opened);
    schedule.every(5000, () => Promise.reject(new Error('never')));
    await clock.advance(100);
    let stopped = false;
    const stopping = schedule.stop().then(() => {
      stopped = true;
    });
    await clock.advance(0);
    expect(stopped).toBe(false);
    held.open();
    await stopping;
    expect(clock.waiting()).toBe(0);
  });
});
