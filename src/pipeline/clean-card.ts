import type { Block, Card, Rich, Span } from '../views/card.ts';

/** A card with every text passed through the output gate: the one place where secrets are removed from chats. */
export function cleanCard(card: Card, gate: (text: string) => string): Card {
  return {
    tone: card.tone,
    title: gate(card.title),
    blocks: card.blocks.map((block) => cleanBlock(block, gate)),
    buttons: card.buttons,
    files: card.files.map((file) => ({ ...file, text: gate(file.text) })),
  };
}

function cleanBlock(block: Block, gate: (text: string) => string): Block {
  switch (block.kind) {
    case 'text':
    case 'small':
    case 'warning':
      return { ...block, rich: cleanRich(block.rich, gate) };
    case 'lines':
      return { ...block, lines: block.lines.map((line) => ({ ...line, text: gate(line.text) })) };
    case 'progress':
      return { ...block, label: gate(block.label), text: gate(block.text) };
    case 'divider':
      return block;
  }
}

function cleanRich(rich: Rich, gate: (text: string) => string): Rich {
  return rich.map((span): Span => {
    if (typeof span === 'string') return gate(span);
    if ('bold' in span) return { bold: gate(span.bold) };
    if ('code' in span) return { code: gate(span.code) };
    if ('link' in span) return { link: gate(span.link), text: gate(span.text) };
    if ('person' in span) return { person: { ...span.person, name: gate(span.person.name) } };
    return span;
  });
}
