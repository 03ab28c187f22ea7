import { getText } from './api.js';
import { announce, patch } from './dom.js';
import { literal } from './text.js';
import { h } from './tree.js';

/** The loaded version of each open file: its address and size. @type {WeakMap<Element, string>} */
const loaded = new WeakMap();

/** Loads a card's file when the reader opens it, and copies it on request. @param {HTMLElement} root */
export function openFiles(root) {
  root.addEventListener(
    'toggle',
    (event) => {
      if (event.target instanceof HTMLDetailsElement && event.target.open) void load(event.target);
    },
    true,
  );
  root.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('[data-copy]') : null;
    if (button !== null) void copy(button);
  });
}

/** Reloads an open log that has grown. @param {HTMLElement} root */
export function refreshFiles(root) {
  for (const details of root.querySelectorAll('details.file[open]')) void load(details);
}

/** @param {Element} details */
async function load(details) {
  const url = details.getAttribute('data-url');
  const body = details.querySelector('.file-body');
  const version = `${url} ${details.getAttribute('data-bytes')}`;
  if (url === null || body === null || loaded.get(details) === version) return;
  loaded.set(details, version);
  try {
    patch(body, fileView(await getText(url), url));
  } catch (error) {
    loaded.delete(details);
    patch(body, [h('p', { class: 'small' }, `Not loaded. ${error instanceof Error ? error.message : ''}`)]);
  }
}

/**
 * @param {string} text
 * @param {string} url
 */
function fileView(text, url) {
  return [
    h('pre', { key: 'text', tabindex: '0' }, literal(text)),
    h(
      'p',
      { key: 'tools', class: 'tools' },
      h('button', { type: 'button', class: 'quiet', 'data-copy': true }, 'Copy'),
      h('a', { href: url, target: '_blank', rel: 'noopener' }, 'Open as text'),
    ),
  ];
}

/** @param {Element} button */
async function copy(button) {
  const url = button.closest('details')?.getAttribute('data-url');
  try {
    await navigator.clipboard.writeText(await getText(url ?? ''));
    button.textContent = 'Copied';
    announce('Copied');
  } catch {
    button.textContent = 'Not copied: open it as text';
  }
}
