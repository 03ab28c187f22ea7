import { showAnswer, showProblem } from './answers.js';
import { post } from './api.js';
import { askBefore } from './confirm.js';

/** Buttons of every card, in the channel and in answers; the cards come and go, so one listener serves them all. */
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
