import { readFileSync } from 'node:fs';
import type { Card } from '../../views/card.ts';
import { wholeCard } from './message-store.ts';
import { cardView, type TreeNode } from './page/card-view.js';

/** A card as a page of its own: no script, nothing loaded, times in UTC. Drawn by the same code as the live page. */
export function renderCardPage(card: Card): string {
  const style = ['card.css', 'guests.css'].map(readStyle).join('\n');
  const article = toHtml(cardView(wholeCard(card), { id: 'card', level: 1, time: utc }));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(card.title)}</title>
<style>
${style}</style>
</head>
<body class="alone">
${article}
</body>
</html>
`;
}

function readStyle(name: string): string {
  return readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8');
}

/** Times as date and time: a static page cannot say "in 3 hours". */
function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const voids: readonly string[] = ['hr'];

/** A tree as HTML text, everything escaped. */
export function toHtml(node: TreeNode): string {
  if (typeof node === 'string') return escapeHtml(node);
  const attrs = Object.entries(node.attrs).map(([name, value]) => ` ${name}="${escapeHtml(value)}"`);
  const open = `<${node.tag}${attrs.join('')}>`;
  return voids.includes(node.tag) ? open : `${open}${node.children.map(toHtml).join('')}</${node.tag}>`;
}

/** Escapes text for use between tags and in double-quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
