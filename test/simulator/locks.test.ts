import { describe, expect, it } from 'vitest';
import { createClock } from '../../src/simulator/clock.ts';
import { GuestLocks } from '../../src/simulator/locks.ts';

const clock = createClock(Date.now, Math.random, 0.001);
const options = { patience: 60_000, tooLate: () => new Error('too late') };

describe('the lock of a guest', () => {
  it('is held by one at a time, however many wait', async () => {
    const locks = new GuestLocks(clock);
    let holding = 0;
    let most = 0;
    const work = async () => {
      holding += 1;
      most = Math.max(most, holding);
      await new Promise((resolve) => setImmediate(resolve));
      holding -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, () => locks.hold(100, options, work)));
    expect(most).toBe(1);
  });

  it('is not waited for longer than was said', async () => {
    const locks = new GuestLocks(clock);
    let free: () => void = () => undefined;
    const held = locks.hold(
      100,
      options,
      () =>
        new Promise<void>((resolve) => {
          free = resolve;
        }),
    );
    await expect(locks.hold(100, { ...options, patience: 0 }, () => 1)).rejects.toThrow('too late');
    await expect(locks.hold(101, options, () => 1)).resolves.toBe(1);
    free();
    await held;
  });

  it('is free again after a failure', async () => {
    const locks = new GuestLocks(clock);
    await expect(locks.hold(100, options, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(locks.hold(100, options, () => 1)).resolves.toBe(1);
  });
});
