import { literal } from './text.js';
import { h } from './tree.js';

/**
 * A file behind its title: with its text where that came along, else with a place that files.js fills when it is opened.
 *
 * @param {import('./card-view.d.ts').FileData} file
 */
export function fileView(file) {
  const inside = 'text' in file;
  return h(
    'details',
    { key: `file-${file.name}`, class: 'file', 'data-url': inside ? undefined : file.url, 'data-bytes': sizeOf(file) },
    h(
      'summary',
      {},
      h('span', { class: 'file-title' }, literal(file.title)),
      h('span', { class: 'file-name' }, literal(file.name), ' · ', formatBytes(sizeOf(file))),
    ),
    inside
      ? h('div', { key: 'body', class: 'file-body' }, h('pre', { tabindex: '0' }, literal(file.text)))
      : h('div', { key: 'body', class: 'file-body', keep: true }),
  );
}

/** @param {import('./card-view.d.ts').FileData} file */
function sizeOf(file) {
  return 'text' in file ? new TextEncoder().encode(file.text).length : file.bytes;
}

/** @param {number} bytes */
function formatBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
