import { cleanText as cleaned, oneLine as onOneLine } from '../../lib/text.ts';
import type { Rich, Span } from '../../views/card.ts';

const maxUrl = 512;
/** Characters that form Markdown marks. */
const marks: readonly (string | undefined)[] = ['*', '`'];

/** A rich text as Discord's Markdown, every plain string literal. */
export function markdown(rich: Rich): string {
  return drawRich(rich).whole;
}

/** The same in at most `max` UTF-16 units. It is cut inside plain text or between spans, so no mark stays open. */
export function markdownWithin(rich: Rich, max: number): string {
  return drawRich(rich).within(max);
}

/** A rich text that is drawn once: the whole, and what fits into `max` UTF-16 units. */
export function drawRich(rich: Rich): { readonly whole: string; within(max: number): string } {
  const spans = rich.map((span) => ({ span, text: drawSpan(span) }));
  const whole = spans.map(({ text }) => text).reduce(join, '');
  return { whole, within: (max) => (whole.length <= max ? whole : shortened(spans, max)) };
}

function shortened(spans: readonly { readonly span: Span; readonly text: string }[], max: number): string {
  let drawn = '';
  for (const { span, text } of spans) {
    const next = join(drawn, text);
    if (next.length < max) {
      drawn = next;
      continue;
    }
    const rest = typeof span === 'string' ? escapeWithin(span, max - 1 - drawn.length) : '';
    return `${join(drawn, rest)}…`;
  }
  return drawn;
}

/**
 * Escapes text so that Discord shows it literally. Its parser accepts a back-slash before any character except letters,
 * digits and spaces. Web addresses lose their link and `:names:` stay words; headings, lists and quotes are escaped at the
 * beginning of a line.
 */
export function escapeMarkdown(text: string): string {
  return cleanText(text)
    .replace(/[\\*_~|`<[\]]/g, '\\$&')
    .replace(/:(?=[\w+\\-]+:|\/\/)/g, '\\:')
    .replace(/^( *)(\d*)([#>+\-.)])/gm, '$1$2\\$3');
}

/** Bold text. White space stays outside of the marks, because Discord reads `**` as bold only beside a word. */
function drawBold(text: string): string {
  const words = text.trim();
  return words === '' ? text : text.replace(words, () => around('**', escapeMarkdown(words)));
}

function drawSpan(span: Span): string {
  if (typeof span === 'string') return escapeMarkdown(span);
  if ('bold' in span) return drawBold(oneLine(span.bold));
  if ('code' in span) return drawCode(oneLine(span.code));
  if ('link' in span) return drawLink(span.link, span.text);
  if ('time' in span) return drawTime(span.time, span.show);
  return escapeMarkdown(oneLine(span.person.name)) || 'somebody';
}

/** Inline code. A text with a back-tick, which would end it, is shown as plain literal text. */
function drawCode(text: string): string {
  return text.includes('`') || text.trim() === '' ? escapeMarkdown(text) : around('`', text);
}

function drawLink(link: string, text: string): string {
  const label = escapeMarkdown(oneLine(text).trim());
  const url = safeUrl(link);
  return url === undefined || label === '' ? label : `[${label}](${url})`;
}

function safeUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  const href = url.href.replace(/[()<>\\\s]/g, (sign) => `%${sign.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return href.length <= maxUrl ? href : undefined;
}

function drawTime(at: number, show: 'time' | 'date-time' | 'relative'): string {
  if (!(Math.abs(at) < 8.64e15)) return 'an unknown time';
  const style = show === 'time' ? 't' : show === 'date-time' ? 'f' : 'R';
  return `<t:${Math.floor(at / 1000)}:${style}>`;
}

function around(mark: string, text: string): string {
  return text === '' ? '' : `${mark}${text}${mark}`;
}

/** Separates two adjacent marks by a zero-width space, because Discord would read them as one. */
function join(before: string, after: string): string {
  const touching = marks.includes(before.at(-1)) && marks.includes(after.at(0));
  return touching ? `${before}\u200b${after}` : before + after;
}

function escapeWithin(text: string, max: number): string {
  let length = max;
  while (length > 0) {
    const drawn = escapeMarkdown(cut(text, length).replace(/…$/, ''));
    if (drawn.length <= max) return drawn;
    length -= Math.max(1, Math.ceil((drawn.length - max) / 2));
  }
  return '';
}

/** Text from outside as plain lines. A tab becomes two spaces, because its width in Discord is unknown. */
export function cleanText(text: string): string {
  return cleaned(text).replaceAll('\t', '  ');
}

/** The same on one line. */
export function oneLine(text: string): string {
  return onOneLine(text).replaceAll('\t', '  ');
}

/** At most `max` UTF-16 units, cut between characters; a cut is shown as `…`. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  if (max < 1) return '';
  const end = max - 1;
  const code = text.charCodeAt(end - 1);
  return `${text.slice(0, code >= 0xd800 && code <= 0xdbff ? end - 1 : end)}…`;
}
