import { type Block, type Card, plainText } from '../../../src/views/card.ts';
import { withoutTable } from '../../../src/views/guest-lines.ts';

/** All words of a card, its files' and its buttons' among them. */
export function textOf(card: Card | undefined): string {
  if (card === undefined) return '';
  const buttons = card.buttons.map(({ label }) => `[${label}]`);
  return [card.title, ...card.blocks.map(blockText), ...buttons, ...card.files.map(({ text }) => text)].join('\n');
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'text':
    case 'small':
    case 'warning':
      return plainText(block.rich);
    case 'lines':
      return block.lines.map((line) => `${line.mark ?? ''} ${line.text}`).join('\n');
    case 'guests':
      return blockText(withoutTable(block));
    case 'progress':
      return `${block.label} ${block.text}`;
    case 'divider':
      return '---';
  }
}
