import { stripVTControlCharacters } from 'node:util';

/** Marks that reorder or hide what follows: bidi controls, zero-width characters, Unicode tags. */
const invisible = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;
const lineEnds = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;
const controls = /(?!\n)\p{Control}/gu;
/** Most of a log of many megabytes is this, and nothing has to be done about it. */
const clean = /^[\n -~]*$/;
/** Half of a surrogate pair: Discord answers it with a 500. */
const halves = /\p{Surrogate}/gu;

/** Text from outside as plain lines: no ANSI, no control characters, nothing that reverses or hides text. */
export function cleanText(text: string): string {
  if (clean.test(text)) return text;
  return stripVTControlCharacters(text)
    .replace(lineEnds, '\n')
    .replace(/\t/g, '  ')
    .replace(controls, '')
    .replace(invisible, '')
    .replace(halves, '\ufffd');
}

/** The same on one line. */
export function oneLine(text: string): string {
  return cleanText(text).replace(/ *\n\s*/g, ' ');
}

/** At most `max` UTF-16 units, cut between characters; what was cut shows as `…`. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  if (max < 1) return '';
  const end = max - 1;
  const code = text.charCodeAt(end - 1);
  return `${text.slice(0, code >= 0xd800 && code <= 0xdbff ? end - 1 : end)}…`;
}
