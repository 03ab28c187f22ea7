import { showAnswer, showProblem } from './answers.js';
import { post } from './api.js';
import { element, patch } from './dom.js';
import { literal } from './text.js';
import { h } from './tree.js';

/** Handles the buttons of every card with one listener, because cards are added and removed. */
export function watchButtons() {
  document.body.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button[data-button]') : null;
    if (button instanceof HTMLButtonElement) void press(button);
  });
}

/** @param {HTMLButtonElement} button */
async function press(button) {
  if (button.getAttribute('aria-busy') === 'true') return;
  const { button: id } = button.dataset;
  const asked = `${button.textContent} · ${button.closest('.card')?.querySelector('.title')?.textContent}`;
  if (!(await askBefore(button))) return;
  button.setAttribute('aria-busy', 'true');
  try {
    showAnswer(asked, await post('/api/press', { button: id }));
  } catch (error) {
    showProblem(asked, error);
  } finally {
    button.removeAttribute('aria-busy');
  }
}

const dialog = element('confirm', HTMLDialogElement);

/**
 * Asks for a confirmation where the card has one. The Back button has the focus; Escape goes back as well.
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
