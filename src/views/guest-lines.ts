import type { Block, GuestRow, Line } from './card.ts';

/** Columns that chats show without scrolling. */
const columns = 60;
const indent = '  ';
/** The sign in front of a line and a space. */
const markWidth = 4;
/** Columns of the longest name that the others are padded to. */
const widestName = 24;

/** A block that a chat without tables can draw. */
export type PlainBlock = Exclude<Block, { kind: 'guests' }>;

/** A block as a chat without tables draws it. */
export function withoutTable(block: Block): PlainBlock {
  return block.kind === 'guests' ? { kind: 'lines', lines: guestLines(block).flat() } : block;
}

/** The monospaced lines of each row, at most 60 columns wide. */
export function guestLines({ of, rows }: Extract<Block, { kind: 'guests' }>): readonly (readonly Line[])[] {
  const width = Math.min(widestName, Math.max(...rows.map(({ guest }) => guest?.name.length ?? 0), 0));
  const draw = { plan: planned, apply: atWork, done }[of];
  return rows.map((row) => draw(row, width));
}

function planned(row: GuestRow, width: number): readonly Line[] {
  const { mark = ' ', keep = false, action, image = '', parts = [], advice = '' } = row;
  const head = `${nameOf(row, width)}  ${action}`;
  const whole = image === '' ? head : `${head}  ${image}`;
  const fits = head.length + markWidth <= columns;
  const first = { text: whole.length + markWidth > columns ? head : whole, mark, keep };
  const firsts: readonly Line[] = fits
    ? [first]
    : [
        { text: nameOf(row, 0), mark, keep },
        { text: `${indent}${action}`, mark: ' ', keep },
      ];
  const details = [...wrapped(parts, ', '), ...wrapped(words(advice), ' ')].flatMap(folded);
  return [...firsts, ...details.map((text): Line => ({ text: `${indent}${text}`, mark: ' ', keep }))];
}

function atWork(row: GuestRow, width: number): readonly Line[] {
  const { state = 'waiting', action, guest, step = '', note = '' } = row;
  const what = guest === undefined ? step.padEnd(width + 6) : nameOf(row, width);
  const right = guest !== undefined && state === 'running' ? step : note;
  return [{ text: `${state.padEnd(8)} ${action.padEnd(8)} ${what}  ${right}`.trimEnd() }];
}

function done(row: GuestRow, width: number): readonly Line[] {
  const { action, note = '' } = row;
  const text = `${action.padEnd(10)} ${nameOf(row, width)}`;
  if (text.length + 2 + note.length <= columns) return [{ text: `${text}  ${note}`.trimEnd() }];
  return [{ text }, { text: `${' '.repeat(11)}${note}` }];
}

function nameOf({ guest }: GuestRow, width: number): string {
  return guest === undefined ? '' : `${guest.name.padEnd(width)} (${guest.vmid})`;
}

function words(text: string): readonly string[] {
  return text === '' ? [] : text.split(' ');
}

/** A line of text in as many lines as it takes, those after the first indented more. No word is cut. */
export function foldedLine(text: string): readonly string[] {
  const margin = ' '.repeat(text.search(/\S|$/));
  const [first = '', ...rest] = folded(text.trimStart());
  return [`${margin}${first}`, ...rest.map((line) => `${margin}${indent}${line}`)];
}

function folded(line: string): readonly string[] {
  return line.length + indent.length + markWidth <= columns ? [line] : wrapped(line.split(' '), ' ');
}

/** Joins parts into lines that fit the columns; a part is never cut. */
function wrapped(parts: readonly string[], separator: string): readonly string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    const joined = last === undefined ? part : `${last}${separator}${part}`;
    if (last === undefined) lines.push(part);
    else if (joined.length + indent.length + markWidth <= columns) lines[lines.length - 1] = joined;
    else {
      lines[lines.length - 1] = `${last}${separator.trimEnd()}`;
      lines.push(part);
    }
  }
  return lines;
}
