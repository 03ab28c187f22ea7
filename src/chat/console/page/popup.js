import { element } from './dom.js';
import { patch } from './patch.js';
import { literal } from './text.js';
import { h } from './tree.js';

/** @typedef {import('./completion.js').Suggestion} Suggestion */

/** The list above the command line: a combobox's listbox, moved through from the input. */
const list = element('suggestions', HTMLElement);
const input = element('command', HTMLInputElement);
/** @type {readonly Suggestion[]} */
let shown = [];
let active = -1;

/** @param {readonly Suggestion[]} suggestions */
export function openPopup(suggestions) {
  shown = suggestions.slice(0, 25);
  active = -1;
  redraw();
}

export function closePopup() {
  openPopup([]);
}

export function isOpen() {
  return shown.length > 0;
}

/** The suggestion that is chosen, if one is. */
export function chosen() {
  return shown[active];
}

/** The one that Tab takes: the chosen one, else the best. */
export function best() {
  return shown[active] ?? shown[0];
}

/** @param {1 | -1} by */
export function move(by) {
  // One place more than there are suggestions: none is chosen there, as in the line itself.
  active = ((active + 1 + by + shown.length + 1) % (shown.length + 1)) - 1;
  redraw();
}

/** @param {(value: string) => void} take */
export function onPick(take) {
  // The input keeps the focus while the mouse picks.
  list.addEventListener('pointerdown', (event) => event.preventDefault());
  list.addEventListener('click', (event) => {
    const option = event.target instanceof Element ? event.target.closest('[data-value]') : null;
    if (option !== null) take(option.getAttribute('data-value') ?? '');
  });
}

function redraw() {
  patch(list, shown.map(optionView));
  list.hidden = shown.length === 0;
  input.setAttribute('aria-expanded', String(shown.length > 0));
  if (active < 0) return input.removeAttribute('aria-activedescendant');
  input.setAttribute('aria-activedescendant', `suggestion-${active}`);
  list.children[active]?.scrollIntoView({ block: 'nearest' });
}

/**
 * @param {Suggestion} suggestion
 * @param {number} index
 */
function optionView({ value, about }, index) {
  return h(
    'div',
    {
      id: `suggestion-${index}`,
      role: 'option',
      'data-value': value,
      'aria-selected': index === active ? 'true' : 'false',
    },
    h('span', { class: 'value' }, literal(value)),
    h('span', { class: 'about' }, literal(about)),
  );
}
