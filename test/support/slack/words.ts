import { asJson, asText, list } from './limits.ts';
import type { Json } from './state.ts';

/** What a person reads in blocks, without the buttons. */
export function wordsOf(blocks: readonly Json[]): string {
  return blocks
    .filter(({ type }) => type !== 'actions')
    .map(wordsIn)
    .join('\n');
}

export function buttonLabels(blocks: readonly Json[]): readonly string[] {
  return blocks.flatMap((block) =>
    block['type'] === 'actions' ? list(block['elements']).map(({ text }) => asText(asJson(text)?.['text'])) : [],
  );
}

function wordsIn(part: Json): string {
  if (part['type'] === 'mrkdwn') return unescaped(asText(part['text']));
  if (part['type'] === 'emoji') return `:${asText(part['name'])}:`;
  if (part['type'] === 'date') return asText(part['fallback']);
  const own =
    asText(part['text']) +
    [part['text'], part['label'], part['hint']].map((inner) => asText(asJson(inner)?.['text'])).join('\n');
  return own + list(part['elements']).map(wordsIn).join('');
}

/** mrkdwn as it is drawn: dates and links by their words. */
function unescaped(text: string): string {
  return text
    .replace(/<[^<>|]*\|([^<>]*)>/g, '$1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
