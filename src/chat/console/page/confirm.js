import { element } from './dom.js';
import { patch } from './patch.js';
import { literal } from './text.js';
import { h } from './tree.js';

const dialog = element('confirm', HTMLDialogElement);

/**
 * Asks before a press counts, where the card wants that. The way back has the focus; Escape goes back too.
 *
 * @param {HTMLButtonElement} button
 * @returns {Promise<boolean>}
 */
export function askBefore(button) {
  const { confirmTitle, confirmText = '', confirmYes = 'Yes' } = button.dataset;
  if (confirmTitle === undefined) return Promise.resolve(true);
  patch(dialog, [
    h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'confirm-title' }, literal(confirmTitle)),
      h('p', { id: 'confirm-text', class: 'text' }, literal(confirmText)),
      h(
        'div',
        { class: 'buttons' },
        h('button', { value: 'yes', class: button.classList.contains('danger') ? 'danger' : 'primary' }, confirmYes),
        h('button', { value: 'no', class: 'plain', autofocus: true }, 'Back'),
      ),
    ),
  ]);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
