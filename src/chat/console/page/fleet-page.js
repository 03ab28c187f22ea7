import { announce, element, patch } from './dom.js';
import { fleetsView } from './fleet-view.js';

const place = element('page', HTMLElement);
/** What was failing, so that only news are said. */
let failing = '';

/**
 * Shows the newest overview.
 *
 * @param {import('../../../views/overview.ts').Overview} overview
 */
export function showFleets(overview) {
  patch(place, fleetsView(overview));
  const now = overview.reached
    .filter(({ state }) => state === 'failing')
    .map(({ kind, name }) => `${kind} ${name} does not answer`)
    .join(', ');
  if (now !== failing && now !== '') announce(now);
  failing = now;
}
