import { get } from './api.js';
import { element, patch } from './dom.js';
import { literal } from './text.js';
import { h } from './tree.js';

/** @typedef {import('../../chat.ts').CommandSpec} CommandSpec */
/** @typedef {{ value: string, about: string }} Suggestion */

/**
 * The end of a line: a command, or one of its options.
 *
 * @param {string} line
 * @param {readonly CommandSpec[]} commands
 */
export function lineContext(line, commands) {
  const bare = line.replace(/^\s*\/?(?:proxnix\s+)?/i, '');
  const head = line.slice(0, line.length - bare.length);
  const words = bare.split(/\s+/);
  const typed = words.at(-1) ?? '';
  const before = line.slice(0, line.length - typed.length);
  const spec = commands.find(({ name }) => name === words[0]?.toLowerCase());
  /** The words of the options before the current one. */
  const given = words.slice(1, -1);
  if (words.length <= 1) return { kind: /** @type {const} */ ('command'), typed, before: head, spec };
  const option = spec?.options[Math.min(words.length - 2, spec.options.length - 1)];
  const inRange = words.length - 2 < (spec?.options.length ?? 0);
  return { kind: /** @type {const} */ ('option'), typed, before, given, spec, option: inRange ? option : undefined };
}

/**
 * Suggestions for the end of the line, best first.
 *
 * @param {string} line
 * @param {readonly CommandSpec[]} commands
 * @returns {Promise<Suggestion[]>}
 */
export async function suggestions(line, commands) {
  const context = lineContext(line, commands);
  if (context.kind === 'command') {
    return commands
      .filter(({ name }) => name.startsWith(context.typed.toLowerCase()))
      .map(({ name, description }) => ({ value: name, about: description }));
  }
  const { spec, option, typed, given } = context;
  if (spec === undefined || option?.complete === undefined) return [];
  const query = new URLSearchParams({ command: spec.name, option: option.name, typed });
  for (const [index, word] of given.entries()) query.set(`arg.${spec.options[index]?.name}`, word);
  /** @type {string[]} */
  const found = await get(`/api/complete?${query}`);
  return found.filter((value) => value !== typed).map((value) => ({ value, about: option.description }));
}

/**
 * The line after a suggestion is accepted.
 *
 * @param {string} line
 * @param {string} value
 * @param {readonly CommandSpec[]} commands
 */
export function accept(line, value, commands) {
  const { before } = lineContext(line, commands);
  return `${before}${/[\s"“”]/.test(value) ? `"${value.replaceAll('"', '\\"')}"` : value} `;
}

/** The list above the command line: the listbox of a combobox, controlled from the input. */
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

/**
 * Drops the suggestions that no longer continue the line: until newer ones arrive, Tab accepts none of them.
 *
 * @param {string} line
 * @param {readonly CommandSpec[]} commands
 */
export function narrowPopup(line, commands) {
  const typed = lineContext(line, commands).typed.toLowerCase();
  openPopup(typed === '' ? [] : shown.filter(({ value }) => value.toLowerCase().startsWith(typed)));
}

export function closePopup() {
  openPopup([]);
}

export function isOpen() {
  return shown.length > 0;
}

/** The selected suggestion; `undefined` without a selection. */
export function chosen() {
  return shown[active];
}

/** The suggestion that Tab accepts: the selected one, else the best. */
export function best() {
  return shown[active] ?? shown[0];
}

/** @param {1 | -1} by */
export function move(by) {
  // The cycle has one more place than there are suggestions; there none is selected.
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
