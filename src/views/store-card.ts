import type { Card } from './card.ts';
import { count } from './format.ts';

/** A store that could not be read whole, and the file beside it that holds it as it was found. */
export interface StoreDamage {
  readonly file: string;
  readonly lost: readonly { readonly what: string; readonly why: string }[];
}

/** The rest is in the file. */
const mostShown = 20;

/** Says that parts of the store were damaged when the bot started: one card, once. */
export function storeCard({ file, lost }: StoreDamage): Card {
  const more = lost.length - mostShown;
  const lines = lost.slice(0, mostShown).flatMap(({ what, why }) => [{ text: what, keep: true }, { text: `  ${why}` }]);
  return {
    tone: 'bad',
    title: `Store damaged: ${count(lost.length, 'part')} left out`,
    blocks: [
      { kind: 'lines', lines: more > 0 ? [...lines, { text: `and ${more} more` }] : lines },
      {
        kind: 'warning',
        rich: [
          { bold: 'Plans that were open in these parts are lost; ask for them again with /proxnix plan. ' },
          'Where it is not known whether applying was locked, it is locked until somebody unlocks it.',
        ],
      },
      { kind: 'small', rich: ['The store as it was found is in ', { code: file }, '. Everything else goes on.'] },
    ],
    buttons: [],
    files: [],
  };
}
