import type { types } from '@slack/bolt';
import { cleanText, cut, oneLine } from '../../lib/text.ts';
import { plainText, type Rich, type Span } from '../../views/card.ts';
import { limits } from './limits.ts';

/** At most `max` UTF-16 units, which Slack counts; a cut text ends in "…" and splits no code point. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, Math.max(0, max - 1)).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Escapes the three characters that Slack parses in mrkdwn and the top-level `text`, where `<!channel>` would notify everybody. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Undoes Slack's escaping of a typed text (`should_escape` of the command). */
export function unescapeText(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/**
 * Text for the top-level `text`, escaped, of at most `max` bytes of UTF-8; cut between code points, never inside an
 * entity. A code fence becomes quotes, because an unclosed one would swallow the following text.
 */
export function escapedWithin(unsafe: string, max: number): string {
  const text = unsafe.replace(/`{3,}/g, "''");
  const whole = escapeText(text);
  if (Buffer.byteLength(whole) <= max) return whole;
  let bytes = Buffer.byteLength('…');
  let kept = '';
  for (const point of text) {
    const next = escapeText(point);
    bytes += Buffer.byteLength(next);
    if (bytes > max) break;
    kept += next;
  }
  return `${kept}…`;
}

/** Bytes of a span before it is cleaned, more than a message holds. The limit bounds repeated drawing. */
const longestSpan = 32 * 1024;

/** An element of a rich_text section. */
export type RichElement = types.RichTextElement;

/** Elements of a rich_text section, in which Slack parses no markup, so any text is safe. At most `max` units of text. */
export function richElements(rich: Rich, max: number): readonly RichElement[] {
  const elements: RichElement[] = [];
  let left = max;
  for (const span of rich) {
    const element = left > 0 ? richElement(span, left) : undefined;
    if (element === undefined) continue;
    elements.push(element);
    left -= textOf(span).length;
  }
  return elements;
}

/**
 * Rich text as mrkdwn; `undefined` where Slack could read a word of it as markup (`*`, `_`, `~`, back-ticks, emoji codes).
 * mrkdwn has no escape for those, so such a text must be drawn as rich_text.
 */
export function mrkdwn(rich: Rich): string | undefined {
  const parts: string[] = [];
  for (const span of rich) {
    const part = mrkdwnSpan(span);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  const text = parts.join('').trim();
  return text.length <= limits.context && !text.startsWith('&gt;') ? text : undefined;
}

/** An http or https address in Slack's form; `undefined` for any other address. */
export function webAddress(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const { protocol, href } = new URL(link);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const address = href.replaceAll('|', '%7C');
  return address.length <= limits.url / 2 ? address : undefined;
}

/** The text of a span, cut to the size of a message. A time out of range becomes a question mark. */
function textOf(span: Span): string {
  if (typeof span === 'object' && 'time' in span && !isTime(span.time)) return '?';
  return cleanText(cut(plainText([span]), longestSpan));
}

function richElement(span: Span, max: number): RichElement | undefined {
  const text = clip(textOf(span), max);
  if (typeof span === 'string') return words(text);
  if ('bold' in span) return words(text, { bold: true });
  if ('code' in span) return words(text, { code: true });
  if ('person' in span) return words(text, { bold: true });
  if ('time' in span) {
    if (!isTime(span.time)) return words(text);
    return { type: 'date', timestamp: seconds(span.time), format: formats[span.show], fallback: text };
  }
  const url = webAddress(span.link);
  if (url === undefined) return words(text);
  return { type: 'link', url, ...(text === '' ? {} : { text }) };
}

function words(text: string, style?: { bold?: true; code?: true }): RichElement | undefined {
  if (text === '') return undefined;
  return { type: 'text', text, ...(style === undefined ? {} : { style }) };
}

/** Bold text. White space stays outside of the marks, because Slack reads `*` as bold only beside a word. */
function mrkdwnBold(text: string): string {
  const bold = text.trim();
  return bold === '' ? '' : text.replace(bold, () => `*${escapeText(bold)}*`);
}

function mrkdwnSpan(span: Span): string | undefined {
  const text = textOf(span);
  if (/[*_~`\n]|:[^\s:]+:/.test(text)) return undefined;
  if (typeof span === 'string') return escapeText(text);
  if ('code' in span) return text === '' ? '' : `\`${escapeText(text)}\``;
  if ('bold' in span || 'person' in span) return mrkdwnBold(text);
  if ('time' in span) {
    if (!isTime(span.time)) return text;
    return `<!date^${seconds(span.time)}^${formats[span.show]}|${escapeText(text)}>`;
  }
  const url = webAddress(span.link);
  if (url === undefined) return escapeText(text);
  return `<${escapeText(url)}|${escapeText(text === '' ? url : text).replaceAll('|', '¦')}>`;
}

/** Tokens of Slack's date formatting; `{ago}` also covers the future ("in 3 hours"). */
const formats = { time: '{time}', 'date-time': '{date_short_pretty} {time}', relative: '{ago}' } as const;

function seconds(time: number): number {
  return Math.floor(time / 1000);
}

/** Slack refuses a date before 1970; `Date` has none beyond 8.64e15 ms. */
function isTime(time: number): boolean {
  return Number.isFinite(time) && time >= 0 && time <= 8.64e15;
}

/** Replaces an empty text, which Slack refuses. */
export function named(text: string, otherwise: string): string {
  const words = oneLine(text).trim();
  return words === '' ? otherwise : words;
}

/** A plain_text object of at most `max` units, in which emoji codes stay words. */
export function plain(text: string, max: number): types.PlainTextElement {
  return { type: 'plain_text', text: clip(text, max), emoji: false };
}
