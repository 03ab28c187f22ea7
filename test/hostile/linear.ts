import { expect } from 'vitest';
import type { Shape } from './shapes.ts';

/** Units of text; the first are there so that the square of a length is noticed before it takes minutes. */
const lengths = [4096, 32_768, 262_144] as const;
/** What a function may do once, whatever the text. */
const once = 16_384;
/**
 * How many times the time of the yardstick a function may take. What reads a text some dozen times takes a few hundred;
 * the square of the length takes 5,000 and more at the second length already.
 */
const most = 1500;

/**
 * Holds the cost of a function over a text of up to 256 KiB to a multiple of the text's length: of the time that this
 * process takes to look at each unit once. Only processor time of this process counts, and of several tries the
 * smallest: a machine that is busy with something else changes neither.
 */
export function expectLinear(work: (text: string) => unknown, { name, of }: Shape): void {
  for (const length of lengths) {
    const text = of(length);
    const limit = most * yardstick * (text.length + once);
    let cost = costOf(() => work(text));
    for (let tries = 0; tries < 2 && cost > limit; tries++)
      cost = Math.min(
        cost,
        costOf(() => work(text)),
      );
    if (cost > limit) {
      expect.fail(
        `${name}: ${text.length} units take ${Math.round(cost / yardstick / text.length)} times the yardstick`,
      );
    }
  }
}

/** Processor time for one look at one unit of a text, in microseconds. */
const yardstick = (() => {
  const text = 'a/'.repeat(1_048_576);
  const costs = Array.from({ length: 8 }, () => costOf(() => look(text)));
  return Math.min(...costs) / text.length;
})();

function look(text: string): number {
  let sum = 0;
  for (let at = 0; at < text.length; at++) sum = (sum + text.charCodeAt(at)) | 0;
  return sum;
}

function costOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
