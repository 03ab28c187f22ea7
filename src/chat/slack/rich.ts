import type { types } from '@slack/bolt';
import { cleanText, cut } from '../../lib/text.ts';
import { plainText, type Rich, type Span } from '../../views/card.ts';
import { limits } from './limits.ts';
import { clip, escapeText } from './literal.ts';

/** Bytes of a span before it is cleaned. A message holds less; it is drawn several times until it fits. */
const longestSpan = 32 * 1024;

export type RichElement = types.RichTextElement;

/** Elements of a rich_text section: no markup is parsed in them, so any text is safe. At most `max` units of text. */
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
 * Rich text as mrkdwn, or `undefined` where a word of it could be read as markup (`*`, `_`, `~`, back-ticks, emoji
 * codes): mrkdwn has no escape for those, so such a text must be drawn as rich_text.
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

/** An http or https address in the form Slack takes; anything else is not linked. */
export function webAddress(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const { protocol, href } = new URL(link);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const address = href.replaceAll('|', '%7C');
  return address.length <= limits.url / 2 ? address : undefined;
}

/** The words of a span, cleaned; what no message has room for is left out. A time that is no time shows a question mark. */
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

/** Marks must touch the words; white space around them stays outside. */
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

/** Tokens of Slack's date formatting; `{ago}` is "in 3 hours" too. */
const formats = { time: '{time}', 'date-time': '{date_short_pretty} {time}', relative: '{ago}' } as const;

function seconds(time: number): number {
  return Math.floor(time / 1000);
}

/** Slack refuses a date before 1970; `Date` knows none beyond 8.64e15 ms. */
function isTime(time: number): boolean {
  return Number.isFinite(time) && time >= 0 && time <= 8.64e15;
}
