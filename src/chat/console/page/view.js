import { element } from './dom.js';

/** The view that the address names: index.html serves them all. @type {'channel' | 'fleet' | 'run'} */
export const view =
  location.pathname === '/fleet' ? 'fleet' : location.pathname.startsWith('/runs/') ? 'run' : 'channel';

/** Shows the place of the view, and marks its link. */
export function showView() {
  element('channel', HTMLElement).hidden = view !== 'channel';
  element('page', HTMLElement).hidden = view === 'channel';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('href') === location.pathname) link.setAttribute('aria-current', 'page');
  }
  if (view === 'fleet') document.title = 'Fleet - proxnix';
}
