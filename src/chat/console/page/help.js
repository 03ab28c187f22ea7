import { element, patch } from './dom.js';
import { literal } from './text.js';
import { h } from './tree.js';

const dialog = element('help', HTMLDialogElement);

const keys = [
  ['/', 'go to the command line'],
  ['Tab', 'take the suggestion'],
  ['↑ ↓', 'suggestions, or earlier commands'],
  ['Esc', 'close suggestions, dismiss the answer'],
];

/** @type {readonly import('../../chat.ts').CommandSpec[]} */
let commands = [];

/** @param {readonly import('../../chat.ts').CommandSpec[]} known */
export function setHelp(known) {
  commands = known;
  draw();
}

export function watchHelp() {
  element('open-help', HTMLButtonElement).addEventListener('click', () => {
    draw();
    dialog.showModal();
  });
}

function draw() {
  patch(dialog, [
    h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'help-title' }, 'Commands'),
      h('dl', { class: 'usage' }, commands.map(commandView)),
      h('h2', {}, 'Keys'),
      h('dl', { class: 'usage keys' }, keys.map(keyView)),
      h('div', { class: 'buttons' }, h('button', { class: 'plain', autofocus: true }, 'Close')),
    ),
  ]);
}

/** @param {import('../../chat.ts').CommandSpec} spec */
function commandView(spec) {
  return h('div', {}, h('dt', {}, literal(commandUsage(spec))), h('dd', {}, literal(spec.description)));
}

/** @param {string[]} row */
function keyView([key = '', does = '']) {
  return h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, does));
}

/**
 * `reject <run> [reason …]`
 *
 * @param {import('../../chat.ts').CommandSpec} spec
 */
export function commandUsage(spec) {
  const options = spec.options.map(({ name, required, rest }) => {
    const words = rest === true ? `${name} …` : name;
    return required ? `<${words}>` : `[${words}]`;
  });
  return [spec.name, ...options].join(' ');
}
