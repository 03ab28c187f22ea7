import type { Line } from '../../views/card.ts';
import type { Room } from './room.ts';
import { cut, oneLine } from './text.ts';

/** Lines are at most 60 columns by contract; foreign text that breaks it is held here. */
const longest = { kept: 300, other: 160 } as const;
/** Held back for the line that tells what is missing. */
const noteRoom = '! 000000 more lines, 000000 of them lose data: read '.length + 80;

/** Monospaced lines on their way into a message. */
export interface Fence {
  readonly lines: readonly { readonly text: string; readonly keep: boolean; readonly shortened: boolean }[];
  readonly open: string;
  /** Indexes of the lines that found room. */
  readonly shown: Set<number>;
  opened: boolean;
}

export function fenceOf(lines: readonly Line[]): Fence {
  const marked = lines.some((line) => line.mark !== undefined);
  const drawn = lines.map((line) => {
    const full = `${marked ? (line.mark ?? ' ').padEnd(4) : ''}${inert(line.text)}`.trimEnd();
    const text = cut(full, line.keep ? longest.kept : longest.other);
    return { text, keep: line.keep ?? false, shortened: text !== full };
  });
  return { lines: drawn, open: marked ? '```diff\n' : '```\n', shown: new Set(), opened: false };
}

/** Gives the lines that must stay their room, before anything else gets any. */
export function takeKept(fence: Fence, room: Room): void {
  take(fence, room, true);
}

/** Gives the other lines the room that is left, from the first on. */
export function takeOthers(fence: Fence, room: Room): void {
  take(fence, room, false);
}

/** Lines that found no room or are shown in part. */
export function missingFrom(fence: Fence): readonly number[] {
  return fence.lines.flatMap((line, index) => (fence.shown.has(index) && !line.shortened ? [] : [index]));
}

/** The finished code block; `''` when nothing found room. `file` holds what is missing. */
export function drawFence(fence: Fence, file: string): string {
  const body = fence.lines.filter((_, index) => fence.shown.has(index)).map((line) => line.text);
  if (body.every((line) => line.trim() === '')) return '';
  const hidden = fence.lines.filter((_, index) => !fence.shown.has(index));
  const kept = hidden.filter((line) => line.keep).length;
  // Discord's limit wins in the end; then the message says that it hides something that loses data
  if (kept > 0) body.push(`! ${hidden.length} more lines, ${kept} of them lose data: read ${file}`);
  else if (hidden.length > 0)
    body.push(`… ${hidden.length} more ${hidden.length === 1 ? 'line' : 'lines'}, see ${file}`);
  return `${fence.open}${body.join('\n')}\n\`\`\``;
}

function take(fence: Fence, room: Room, keep: boolean): void {
  for (const [index, line] of fence.lines.entries()) {
    if (line.keep !== keep) continue;
    fence.opened ||= room.takeDisplay(`${fence.open}\n\`\`\`${'x'.repeat(noteRoom)}…`);
    if (!fence.opened || !room.take(`${line.text}\n`)) return;
    fence.shown.add(index);
  }
}

/** One line in which no run of back-ticks can end the block. */
function inert(text: string): string {
  return oneLine(text).replace(/`(?=`)/g, '`\u200b');
}
