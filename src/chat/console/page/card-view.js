import { blockView } from './block-view.js';
import { fileView } from './file-view.js';
import { literal } from './text.js';
import { h } from './tree.js';

/**
 * A card as it stands in the channel, in an answer and in the gallery.
 *
 * @param {import('./card-view.d.ts').CardData} card
 * @param {import('./card-view.d.ts').ViewOptions} options
 */
export function cardView(card, options) {
  const { id, level, time } = options;
  const { state, rest } = splitTitle(card.title);
  // What other chats attach on request lies open here: a button for it would only say the same twice.
  const buttons = card.buttons.filter(({ label }) => !card.files.some(({ title }) => title === label));
  /** @type {Record<string, number>} */
  const seen = {};
  return h(
    'article',
    { key: id, class: `card tone-${card.tone}`, id, 'aria-labelledby': `${id}-title`, tabindex: '-1' },
    h(
      `h${level}`,
      { class: 'title', id: `${id}-title` },
      h('span', { class: 'state' }, literal(state)),
      rest !== '' && [h('span', { class: 'colon' }, ': '), h('span', { class: 'rest' }, literal(rest))],
    ),
    card.blocks.map((block) => {
      const nth = (seen[block.kind] ?? 0) + 1;
      seen[block.kind] = nth;
      return blockView(block, { key: `${block.kind}-${nth}`, time });
    }),
    buttons.length > 0 && h('div', { class: 'buttons', key: 'buttons' }, buttons.map(buttonView)),
    card.files.length > 0 && h('div', { class: 'files', key: 'files' }, card.files.map(fileView)),
  );
}

/**
 * The state stands in front of the first colon of a title: `Plan: destroy 1`. A title without one is all state.
 *
 * @param {string} title
 */
export function splitTitle(title) {
  const [, state, rest] = /^([^:]{1,40}): (.*)$/s.exec(title) ?? [];
  return state === undefined ? { state: title, rest: '' } : { state, rest: rest ?? '' };
}

/** @param {import('./card-view.d.ts').ButtonData} button */
function buttonView({ id, style, label, confirm }) {
  return h(
    'button',
    {
      type: 'button',
      key: id,
      class: style,
      'data-button': id,
      'data-confirm-title': confirm?.title,
      'data-confirm-text': confirm?.text,
      'data-confirm-yes': confirm?.yes,
    },
    literal(label),
  );
}
