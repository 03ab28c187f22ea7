import { oneLine } from '../../lib/text.ts';
import type { Line } from '../../views/card.ts';
import { room } from './limits.ts';
import { clip } from './literal.ts';

export interface CutLines {
  readonly text: string;
  /** How many lines are left out; the text then ends with a line that says so. */
  readonly hidden: number;
}

/**
 * Monospaced lines within `space` characters of JSON. Lines with `keep` come in first, then the others from the top;
 * what is left out is counted at the end, `where` says where it stands in full.
 */
export function cutLines(lines: readonly Line[], space: number, where: string): CutLines {
  const drawn = lines.map(drawLine);
  const costs = drawn.map(cost);
  if (sum(costs) <= space) return { text: drawn.join('\n'), hidden: 0 };

  const kept = new Set<number>();
  let left = space - cost(pointer(lines.length, where));
  for (const keep of [true, false]) {
    for (const [index, line] of lines.entries()) {
      if ((line.keep === true) !== keep) continue;
      left -= costs[index] ?? 0;
      if (left < 0) break;
      kept.add(index);
    }
  }
  const hidden = lines.length - kept.size;
  return { text: [...drawn.filter((_, index) => kept.has(index)), pointer(hidden, where)].join('\n'), hidden };
}

/** What the lines with `keep` and the pointer need, so that nothing else is given their space. */
export function keptSpace(lines: readonly Line[], where: string): number {
  const kept = lines.filter(({ keep }) => keep === true);
  if (kept.length === 0) return 0;
  return sum(kept.map((line) => cost(drawLine(line)))) + cost(pointer(lines.length, where));
}

/** The sign of a plan's line stands in four columns, so that what follows is aligned. */
function drawLine(line: Line): string {
  const text = oneLine(line.text).trimEnd();
  return clip(line.mark === undefined ? text : `${line.mark.padEnd(4)}${text}`.trimEnd(), room.line);
}

function pointer(hidden: number, where: string): string {
  return `... ${hidden} more ${hidden === 1 ? 'line' : 'lines'}${where}`;
}

/** Characters of JSON, with the line end. */
function cost(line: string): number {
  return JSON.stringify(line).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
