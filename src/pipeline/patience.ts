import type { Clock } from './ports.ts';

/** The answer, or `undefined` when it takes longer than `ms`; it is not waited for then. */
export function within<T>(ms: number, answer: Promise<T>, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => resolve(undefined));
    answer.then(resolve, reject).finally(cancel);
  });
}
