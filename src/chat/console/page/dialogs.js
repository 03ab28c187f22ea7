import { element } from './dom.js';

/** What all dialogs share: a button that goes back, and a place for the focus when their opener is gone. */
export function watchDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (event) => {
      if (event.target instanceof Element && event.target.closest('[data-close]') !== null) dialog.close();
    });
    dialog.addEventListener('close', () => {
      const active = document.activeElement;
      if (active === null || active === document.body) {
        element('command', HTMLInputElement).focus({ preventScroll: true });
      }
    });
  }
}
