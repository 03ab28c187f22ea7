import type { Block, Line, Rich } from '../../views/card.ts';
import { type Unit, UnitsInRoom, unitsOf } from '../../views/units.ts';
import { cut, drawRich, escapeMarkdown, oneLine } from './text.ts';

/** A part of a message with its final text. `joins`: it may share a Text Display with a joining part before it. */
export type Piece =
  | { readonly kind: 'divider' }
  | { readonly kind: 'text'; readonly text: string; readonly joins: boolean };

/** The parts of a message, and the blocks that did not fit. */
export interface Layout {
  readonly pieces: readonly Piece[];
  /** Texts that do not fit or fit only in part: one of the files must hold them. */
  readonly missing: readonly string[];
  /** The number of blocks that are absent from `pieces`, and of those among them that announce data loss. */
  readonly dropped: { readonly all: number; readonly losing: number };
}

const maxRich = { warning: 1500, other: 700 } as const;
const barWidth = 20;

type Draft =
  | { readonly kind: 'divider' }
  | { readonly kind: 'rich'; readonly text: string; readonly whole: boolean; readonly joins: boolean }
  | { readonly kind: 'code'; readonly code: CodeBlock };

/**
 * Draws blocks within the budget of one message. Warnings and guests and lines with `keep` get room first, then texts, then
 * the other guests and lines. `fileFor` names the file that holds a missing line.
 */
export function layOut(blocks: readonly Block[], budget: Budget, fileFor: (missing: string) => string): Layout {
  const first = blocks.map((block) =>
    block.kind === 'warning' || block.kind === 'lines' || block.kind === 'guests' ? draft(block, budget) : undefined,
  );
  const drafts = blocks.map((block, index) => first[index] ?? draft(block, budget));
  for (const one of drafts) if (one.kind === 'code') one.code.units.takeOthers(takeFor(one.code, budget));

  const missing: string[] = [];
  const pieces: Piece[] = [];
  const dropped = { all: 0, losing: 0 };
  for (const [index, block] of blocks.entries()) {
    const one = drafts[index];
    if (one?.kind === 'divider') pieces.push(one);
    if (one === undefined || one.kind === 'divider') continue;
    const gaps = gapsOf(one);
    missing.push(...gaps);
    const text = one.kind === 'rich' ? one.text : drawCodeBlock(one.code, fileFor(gaps[0] ?? ''));
    if (text.trim() !== '') pieces.push({ kind: 'text', text, joins: one.kind === 'rich' && one.joins });
    else if (gaps.length > 0) {
      dropped.all += 1;
      if (block.kind === 'warning' || (one.kind === 'code' && one.code.units.lost() > 0)) dropped.losing += 1;
    }
  }
  return { pieces, missing, dropped };
}

/** The texts that are missing from a draft. */
function gapsOf(drawn: Exclude<Draft, { kind: 'divider' }>): string[] {
  if (drawn.kind === 'rich') return drawn.whole ? [] : [drawn.text];
  const { units } = drawn.code;
  const shortened = units.lines().filter((line) => line.shortened);
  return [...shortened, ...units.missing()].map(({ whole }) => whole);
}

function draft(block: Block, budget: Budget): Draft {
  switch (block.kind) {
    case 'divider':
      return { kind: 'divider' };
    case 'progress': {
      const text = drawProgress(block);
      const fits = budget.takeDisplay(text);
      return { kind: 'rich', text: fits ? text : '', whole: fits, joins: true };
    }
    case 'lines':
    case 'guests': {
      const code = codeBlockOf(unitsOf(block));
      code.units.takeKept(takeFor(code, budget));
      return { kind: 'code', code };
    }
    case 'text':
      return fitted(block.rich, (text) => text, maxRich.other, budget, true);
    case 'small':
      return fitted(block.rich, small, maxRich.other, budget, true);
    case 'warning':
      return fitted(block.rich, (text) => `⚠️ ${text}`, maxRich.warning, budget, false);
  }
}

function fitted(rich: Rich, style: (text: string) => string, cap: number, budget: Budget, joins: boolean): Draft {
  const drawn = drawRich(rich);
  const whole = style(drawn.whole);
  if (whole.length <= cap && budget.takeDisplay(whole)) return { kind: 'rich', text: whole, whole: true, joins };
  for (const max of [cap, Math.min(cap, budget.left - 100)]) {
    const text = max > 20 ? style(drawn.within(max)) : '';
    if (text !== '' && budget.takeDisplay(text)) return { kind: 'rich', text, whole: false, joins };
  }
  return { kind: 'rich', text: '', whole: false, joins };
}

/** Marks every line as small print, except an empty line, which would show the mark itself. */
function small(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `-# ${line}`)
    .join('\n');
}

function drawProgress(block: Extract<Block, { kind: 'progress' }>): string {
  const label = escapeMarkdown(block.label.slice(0, 60));
  const text = escapeMarkdown(block.text.slice(0, 200)).replaceAll('\n', ' ');
  if (block.fraction === undefined || Number.isNaN(block.fraction)) return `${label}: ${text}`;
  const fraction = Math.min(1, Math.max(0, block.fraction));
  const full = Math.floor(fraction * barWidth);
  const bar = `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}]`;
  return `${label} \`${bar}\` ${Math.floor(fraction * 100)} % · ${text}`;
}

/** Lines have at most 60 columns by contract; these limits are for longer text from outside. */
const longest = { kept: 300, other: 160 } as const;
/** Characters reserved for the line that counts what is missing. */
const noteRoom =
  '! 000000 more guests, all clean up, more of 000000 guests; 000000 of them lose data: read '.length + 80;

/** A line as it is drawn; `whole`: its text, which may be longer. */
interface DrawnLine extends Line {
  readonly whole: string;
  readonly shortened: boolean;
}

/** Monospaced lines that are being fitted into a message. */
interface CodeBlock {
  readonly units: UnitsInRoom<DrawnLine>;
  readonly open: string;
  opened: boolean;
}

/** A code block without any line yet. */
function codeBlockOf(units: readonly Unit[]): CodeBlock {
  const marked = units.some(({ lines }) => lines.some((line) => line.mark !== undefined));
  const drawn = units.map(({ lines, ...unit }) => ({ ...unit, lines: lines.map((line) => drawLine(line, marked)) }));
  return { units: new UnitsInRoom(drawn), open: marked ? '```diff\n' : '```\n', opened: false };
}

function drawLine(line: Line, marked: boolean): DrawnLine {
  const full = `${marked ? (line.mark ?? ' ').padEnd(4) : ''}${inert(line.text)}`.trimEnd();
  const text = cut(full, line.keep === true ? longest.kept : longest.other);
  return { ...line, text, whole: line.text, shortened: text !== full };
}

function takeFor(code: CodeBlock, budget: Budget): (lines: readonly DrawnLine[]) => boolean {
  return (lines) => {
    code.opened ||= budget.takeDisplay(`${code.open}\n\`\`\`${'x'.repeat(noteRoom)}…`);
    return code.opened && budget.take(lines.map(({ text }) => `${text}\n`).join(''));
  };
}

/** The finished code block; `''` when no line fits. `file` names the file with what is missing. */
function drawCodeBlock({ units, open }: CodeBlock, file: string): string {
  const body = units.lines().map((line) => line.text);
  if (body.every((line) => line.trim() === '')) return '';
  const lost = units.lost();
  const more = units.more();
  // When even what must be seen does not fit, the message says that it hides a loss of data.
  if (lost > 0) body.push(`! ${more}, ${lost} of them lose data: read ${file}`);
  else if (more !== '') body.push(`… ${more}, see ${file}`);
  return `${open}${body.join('\n')}\n\`\`\``;
}

/** One line without a run of back-ticks that would end the block. */
function inert(text: string): string {
  return oneLine(text).replace(/`(?=`)/g, '`\u200b');
}

/**
 * Discord's limits for the text of one message: 4000 characters over all Text Displays. Above 10170 bytes, with 12 bytes
 * for each display, it answered HTTP 500 (discord-api-docs#8554), so this limit is 9000.
 */
export const messageBudget = { chars: 4000, bytes: 9000 } as const;

/** The cost of each Text Display beside its text: 12 bytes, and a line break when two are drawn as one. */
const perDisplay = { chars: 1, bytes: 13 } as const;

/** The remaining characters and bytes of a message. */
export class Budget {
  #chars: number = messageBudget.chars;
  #bytes: number = messageBudget.bytes;

  /** Takes room for a text; takes none when it does not fit. */
  take(text: string): boolean {
    return this.#take(text.length, Buffer.byteLength(text));
  }

  /** The same for a text in a display of its own. */
  takeDisplay(text: string): boolean {
    return this.#take(text.length + perDisplay.chars, Buffer.byteLength(text) + perDisplay.bytes);
  }

  /** UTF-16 units that any text of this length fits into. */
  get left(): number {
    // no UTF-16 unit takes more than three bytes
    return Math.max(0, Math.min(this.#chars - perDisplay.chars, Math.floor((this.#bytes - perDisplay.bytes) / 3)));
  }

  #take(chars: number, bytes: number): boolean {
    if (chars > this.#chars || bytes > this.#bytes) return false;
    this.#chars -= chars;
    this.#bytes -= bytes;
    return true;
  }
}
