import type { Block } from '../../views/card.ts';
import { drawFence, type Fence, fenceOf, missingFrom, takeKept, takeOthers } from './fence.ts';
import { escapeMarkdown, markdown, markdownWithin } from './rich.ts';
import type { Room } from './room.ts';

/** A part of a message, in its final words. `joins`: may stand in one display with such a part before it. */
export type Piece =
  | { readonly kind: 'divider' }
  | { readonly kind: 'text'; readonly text: string; readonly joins: boolean };

export interface Pieces {
  readonly pieces: readonly Piece[];
  /** Texts that found no room or only in part: one of the files must hold them. */
  readonly missing: readonly string[];
  /** Blocks that left no trace in `pieces`, and how many of these say what loses data. */
  readonly dropped: { readonly all: number; readonly losing: number };
}

const maxRich = { warning: 1500, other: 700 } as const;
const barWidth = 20;

type Draft =
  | { readonly kind: 'divider' }
  | { readonly kind: 'rich'; readonly text: string; readonly whole: boolean; readonly joins: boolean }
  | { readonly kind: 'lines'; readonly fence: Fence };

/**
 * Draws blocks into the room of one message. Room goes first to what is never cut (warnings, lines to keep), then to
 * texts, then to the other lines. `fileFor` names the file that holds a missing line.
 */
export function drawPieces(blocks: readonly Block[], room: Room, fileFor: (missing: string) => string): Pieces {
  const first = blocks.map((block) =>
    block.kind === 'warning' || block.kind === 'lines' ? draft(block, room) : undefined,
  );
  const drafts = blocks.map((block, index) => first[index] ?? draft(block, room));
  for (const one of drafts) if (one.kind === 'lines') takeOthers(one.fence, room);

  const missing: string[] = [];
  const pieces: Piece[] = [];
  const dropped = { all: 0, losing: 0 };
  for (const [index, block] of blocks.entries()) {
    const one = drafts[index];
    if (one?.kind === 'divider') pieces.push(one);
    if (one === undefined || one.kind === 'divider') continue;
    const gaps = gapsOf(one, block);
    missing.push(...gaps);
    const text = one.kind === 'rich' ? one.text : drawFence(one.fence, fileFor(gaps[0] ?? ''));
    if (text.trim() !== '') pieces.push({ kind: 'text', text, joins: one.kind === 'rich' && one.joins });
    else if (gaps.length > 0) {
      dropped.all += 1;
      if (block.kind === 'warning' || (one.kind === 'lines' && one.fence.lines.some((line) => line.keep)))
        dropped.losing += 1;
    }
  }
  return { pieces, missing, dropped };
}

/** What of a block is not in its draft. */
function gapsOf(drawn: Exclude<Draft, { kind: 'divider' }>, block: Block): string[] {
  if (drawn.kind === 'rich') return drawn.whole ? [] : [drawn.text];
  return block.kind === 'lines' ? missingFrom(drawn.fence).map((index) => block.lines[index]?.text ?? '') : [];
}

function draft(block: Block, room: Room): Draft {
  switch (block.kind) {
    case 'divider':
      return { kind: 'divider' };
    case 'progress': {
      const text = drawProgress(block);
      const fits = room.takeDisplay(text);
      return { kind: 'rich', text: fits ? text : '', whole: fits, joins: true };
    }
    case 'lines': {
      const fence = fenceOf(block.lines);
      takeKept(fence, room);
      return { kind: 'lines', fence };
    }
    case 'text':
      return fitted((max) => markdownWithin(block.rich, max), markdown(block.rich), maxRich.other, room, true);
    case 'small':
      return fitted(
        (max) => small(markdownWithin(block.rich, max)),
        small(markdown(block.rich)),
        maxRich.other,
        room,
        true,
      );
    case 'warning':
      return fitted(
        (max) => `⚠️ ${markdownWithin(block.rich, max)}`,
        `⚠️ ${markdown(block.rich)}`,
        maxRich.warning,
        room,
        false,
      );
  }
}

function fitted(draw: (max: number) => string, whole: string, cap: number, room: Room, joins: boolean): Draft {
  if (whole.length <= cap && room.takeDisplay(whole)) return { kind: 'rich', text: whole, whole: true, joins };
  for (const max of [cap, Math.min(cap, room.left - 100)]) {
    const text = max > 20 ? draw(max) : '';
    if (text !== '' && room.takeDisplay(text)) return { kind: 'rich', text, whole: false, joins };
  }
  return { kind: 'rich', text: '', whole: false, joins };
}

/** Small print is a mark on every line; an empty one would show the mark itself. */
function small(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `-# ${line}`)
    .join('\n');
}

function drawProgress(block: Block & { kind: 'progress' }): string {
  const label = escapeMarkdown(block.label.slice(0, 60));
  const text = escapeMarkdown(block.text.slice(0, 200)).replaceAll('\n', ' ');
  if (block.fraction === undefined || Number.isNaN(block.fraction)) return `${label}: ${text}`;
  const fraction = Math.min(1, Math.max(0, block.fraction));
  const full = Math.floor(fraction * barWidth);
  const bar = `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}]`;
  return `${label} \`${bar}\` ${Math.floor(fraction * 100)} % · ${text}`;
}
