import { type Block, type Card, plainText } from '../../views/card.ts';
import { cleanText } from './text.ts';

/** A whole card as plain text: for the file that holds what a message had no room for. */
export function fullText(card: Card): string {
  return cleanText([card.title, ...card.blocks.map(blockText)].join('\n\n')).concat('\n');
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'text':
    case 'small':
      return plainText(block.rich);
    case 'warning':
      return `Warning: ${plainText(block.rich)}`;
    case 'lines':
      return block.lines.map((line) => `${line.mark === undefined ? '' : line.mark.padEnd(4)}${line.text}`).join('\n');
    case 'progress':
      return `${block.label}: ${block.text}`;
    case 'divider':
      return '--------';
  }
}
