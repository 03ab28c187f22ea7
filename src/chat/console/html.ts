import type { TreeNode } from './page/card-view.js';

const voids: readonly string[] = ['hr'];

/** A tree as HTML text, everything escaped. */
export function toHtml(node: TreeNode): string {
  if (typeof node === 'string') return escapeHtml(node);
  const attrs = Object.entries(node.attrs).map(([name, value]) => ` ${name}="${escapeHtml(value)}"`);
  const open = `<${node.tag}${attrs.join('')}>`;
  return voids.includes(node.tag) ? open : `${open}${node.children.map(toHtml).join('')}</${node.tag}>`;
}

/** Text for between tags and for attributes in double quotes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
