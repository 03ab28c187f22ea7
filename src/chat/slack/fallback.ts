import { oneLine } from '../../lib/text.ts';
import { type Card, plainText, type Span } from '../../views/card.ts';
import { fallbackBytes } from './limits.ts';
import { escapedWithin } from './literal.ts';

/** The card in words, for notifications and screen readers: title, warnings, then what else is said in the open. */
export function fallback(card: Card): string {
  const said = (kind: 'warning' | 'text'): readonly string[] =>
    card.blocks.flatMap((block) => (block.kind === kind ? [plainText(block.rich.filter(isShowable))] : []));
  const parts = [card.title, ...said('warning'), ...said('text')].map((part) => oneLine(part).trim());
  const text = parts.filter((part) => part !== '').reduce(sentences, '');
  return escapedWithin(text === '' ? 'proxnix' : text, fallbackBytes);
}

/** A time out of range has no words (`Date` throws). */
function isShowable(span: Span): boolean {
  return typeof span === 'string' || !('time' in span) || Math.abs(span.time) <= 8.64e15;
}

function sentences(said: string, part: string): string {
  if (said === '') return part;
  return `${said}${/[.!?:]$/.test(said) ? '' : '.'} ${part}`;
}
