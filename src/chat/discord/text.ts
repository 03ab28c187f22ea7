import { cleanText as cleaned, oneLine as onOneLine } from '../../lib/text.ts';

/** Text from outside as plain lines. Discord's width of a tab is unknown: two spaces stand for it. */
export function cleanText(text: string): string {
  return cleaned(text).replaceAll('\t', '  ');
}

/** The same on one line. */
export function oneLine(text: string): string {
  return onOneLine(text).replaceAll('\t', '  ');
}

/** At most `max` UTF-16 units, cut between characters; what was cut shows as `…`. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  if (max < 1) return '';
  const end = max - 1;
  const code = text.charCodeAt(end - 1);
  return `${text.slice(0, code >= 0xd800 && code <= 0xdbff ? end - 1 : end)}…`;
}
