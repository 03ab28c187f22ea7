/** Time and randomness, passed in so that tests can fix them. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** What part of the real server's waits this one takes. */
  readonly timeScale: number;
  /** Waits that many milliseconds of the real server's time; ends early, with the signal's reason, when it is stopped. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Begins a long work: the function it answers waits until that much of the time since has passed, without drift. */
  readonly pace: () => (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A clock on which the real server's waits take `timeScale` of their time. */
export function createClock(now: () => number, random: () => number, timeScale: number): Clock {
  const wait = async (ms: number, signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    if (ms * timeScale < 1) {
      // Yields to other work even for a wait of 0.
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, ms * timeScale);
      signal?.addEventListener('abort', stop, { once: true });
    });
  };
  const pace = () => {
    const begun = performance.now();
    return async (ms: number, signal: AbortSignal) => {
      await wait(timeScale === 0 ? 0 : ms - (performance.now() - begun) / timeScale, signal);
    };
  };
  return { now, random, timeScale, wait, pace };
}

/** Upper or lower case hexadecimal digits by chance. */
export function randomHex(random: () => number, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
}

/** A random UUID of version 4. */
export function randomUuid(random: () => number): string {
  const hex = randomHex(random, 32);
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}

/** A MAC address with the datacenter's prefix. */
export function randomMac(random: () => number, prefix: string): string {
  const rest = Array.from({ length: 6 - prefix.split(':').length }, () => randomHex(random, 2).toUpperCase());
  return [prefix, ...rest].join(':');
}
