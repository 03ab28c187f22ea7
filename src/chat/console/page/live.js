import { element } from './dom.js';

const region = element('live', HTMLElement);

/** Says something to screen readers when they have a moment. @param {string} text */
export function announce(text) {
  const line = document.createElement('p');
  line.textContent = text;
  region.append(line);
  while (region.childElementCount > 5) region.firstElementChild?.remove();
}
