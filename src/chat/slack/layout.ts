import type { types } from '@slack/bolt';
import { oneLine } from '../../lib/text.ts';
import type { Block, Line, Rich } from '../../views/card.ts';
import { type Unit, UnitsInRoom, unitsOf } from '../../views/units.ts';
import { room, weigh } from './limits.ts';
import { clip, mrkdwn, type RichElement, richElements } from './text.ts';

/** A block within `space` (`weigh`), cut if it must be; `undefined` when nothing of it can be shown. */
export function drawBlock(block: Block, space: number, where: string): types.KnownBlock | undefined {
  switch (block.kind) {
    case 'text':
      return paragraph(block.rich, 3000, space);
    case 'warning':
      return paragraph(block.rich, 6000, space, [
        { type: 'emoji', name: 'warning' },
        { type: 'text', text: ' ' },
      ]);
    case 'small':
      return small(block.rich, space);
    case 'progress':
      return progress(block, space);
    case 'lines':
    case 'guests':
      return preformatted(unitsOf(block), space, where);
    case 'divider':
      return within({ type: 'divider' }, space);
  }
}

/** The space to reserve for a block before others are drawn. */
export function keptRoom(block: Block, where: string): number {
  if (block.kind !== 'lines' && block.kind !== 'guests') return 0;
  const kept = keptSpace(unitsOf(block), where);
  return kept === 0 ? 0 : Math.min(kept, room.lines) + frame;
}

function paragraph(
  rich: Rich,
  max: number,
  space: number,
  before: readonly RichElement[] = [],
): types.KnownBlock | undefined {
  // The cost in JSON depends on the number of escapes, so the text is shortened step by step until it fits.
  for (let units = max; units >= 20; ) {
    const elements = richElements(rich, units).slice(0, 200);
    if (elements.length === 0) return undefined;
    const section: types.RichTextSection = { type: 'rich_text_section', elements: [...before, ...elements] };
    const block: types.RichTextBlock = { type: 'rich_text', elements: [section] };
    if (weigh(block) <= space) return block;
    units = Math.floor(units * Math.min(0.95, space / weigh(block)));
  }
  return undefined;
}

function small(rich: Rich, space: number): types.KnownBlock | undefined {
  const text = mrkdwn(rich);
  if (text === '') return undefined;
  if (text === undefined) return paragraph(rich, 1500, space);
  // With verbatim Slack turns no address or name into a link.
  const block = within({ type: 'context', elements: [{ type: 'mrkdwn', text, verbatim: true }] }, space);
  return block ?? paragraph(rich, 1500, space);
}

function progress(block: Extract<Block, { kind: 'progress' }>, space: number): types.KnownBlock | undefined {
  const label = clip(oneLine(block.label).trim(), 200);
  const text = clip(oneLine(block.text).trim(), 300);
  const bar =
    block.fraction === undefined ? [] : [' ', { code: drawBar(block.fraction) }, ` ${percent(block.fraction)} %`];
  return paragraph([{ bold: label }, ...bar, text === '' ? '' : ` ${text}`], 600, space);
}

function drawBar(fraction: number): string {
  const full = Math.floor(percent(fraction) / 5);
  return `[${'#'.repeat(full)}${'-'.repeat(20 - full)}]`;
}

function percent(fraction: number): number {
  return Number.isNaN(fraction) ? 0 : Math.floor(Math.min(1, Math.max(0, fraction)) * 100);
}

function preformatted(units: readonly Unit[], space: number, where: string): types.KnownBlock | undefined {
  const inside = Math.min(space - frame, room.lines);
  if (units.length === 0 || inside < 40) return undefined;
  const text = fitted(units, inside, where);
  if (text.trim() === '') return undefined;
  return within(codeBlock(text), space);
}

function codeBlock(text: string): types.RichTextBlock {
  return { type: 'rich_text', elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text }] }] };
}

/** The JSON cost of a preformatted block without its text. */
const frame = weigh(codeBlock('')) + 10;

function within(block: types.KnownBlock, space: number): types.KnownBlock | undefined {
  return weigh(block) <= space ? block : undefined;
}

/**
 * Monospaced lines within `space` characters of JSON. Guests and lines with `keep` get room first, then the others from the
 * top, each guest whole. A last line counts what is left out; `where` tells where all of it is shown.
 */
function fitted(units: readonly Unit[], space: number, where: string): string {
  const all = units.flatMap(({ lines }) => lines.map(drawLine));
  if (sum(all.map(cost)) <= space) return all.join('\n');

  let left = space - pointerRoom(where);
  const take = (lines: readonly Line[]): boolean => {
    const costs = sum(lines.map((line) => cost(drawLine(line))));
    if (costs > left) return false;
    left -= costs;
    return true;
  };
  const shown = new UnitsInRoom(units);
  shown.takeKept(take);
  shown.takeOthers(take);
  return [...shown.lines().map(drawLine), `... ${shown.more()}${where}`].join('\n');
}

/** The space for what must be seen and for the last line, which no other text may take. */
function keptSpace(units: readonly Unit[], where: string): number {
  const kept = units.filter(({ lines }) => lines.some(({ keep }) => keep === true)).flatMap(({ lines }) => lines);
  if (kept.length === 0) return 0;
  return sum(kept.map((line) => cost(drawLine(line)))) + pointerRoom(where);
}

/** A plan's line whose sign fills four columns, so that the texts are aligned. */
function drawLine(line: Line): string {
  const text = oneLine(line.text).trimEnd();
  return clip(line.mark === undefined ? text : `${line.mark.padEnd(4)}${text}`.trimEnd(), room.line);
}

/** Characters reserved for the line that counts what is left out. */
function pointerRoom(where: string): number {
  return cost(`... 000000 more guests, all clean up, blocked, more of 000000 guests${where}`);
}

/** Characters of JSON, with the line end. */
function cost(line: string): number {
  return JSON.stringify(line).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
