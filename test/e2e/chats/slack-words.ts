import { asJson, asText, list } from '../../support/slack/limits.ts';
import type { Json } from '../../support/slack/state.ts';

/** What a person reads in blocks, a line for each block; without the buttons. */
export function wordsOf(blocks: readonly Json[]): string {
  return blocks
    .filter(({ type }) => type !== 'actions')
    .map(wordsIn)
    .filter((words) => words !== '')
    .join('\n');
}

function wordsIn(part: Json): string {
  const elements = list(part['elements']);
  switch (part['type']) {
    case 'text':
    case 'plain_text':
      return asText(part['text']);
    case 'mrkdwn':
      return drawn(asText(part['text']));
    case 'link':
      return asText(part['text']) || asText(part['url']);
    case 'date':
      return asText(part['fallback']);
    case 'emoji':
      return `:${asText(part['name'])}:`;
    case 'rich_text':
      return elements.map(wordsIn).join('\n');
    default:
      return [part['text'], part['label'], part['hint']]
        .map((inner) => wordsInside(asJson(inner)))
        .concat(elements.map(wordsIn).join(''))
        .filter((words) => words !== '')
        .join('\n');
  }
}

function wordsInside(part: Json | undefined): string {
  return part === undefined ? '' : wordsIn(part);
}

/** mrkdwn as it is drawn: dates and links by their words. */
function drawn(text: string): string {
  return text
    .replace(/<[^<>|]*\|([^<>]*)>/g, '$1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
