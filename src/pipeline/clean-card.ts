import type { Answer } from '../chat/chat.ts';
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

/** An answer with every text passed through the gate. What must be typed into a form stays as it is. */
export function cleanAnswer(answer: Answer, gate: (text: string) => string): Answer {
  switch (answer.kind) {
    case 'none':
      return answer;
    case 'note':
    case 'invalid':
      return { ...answer, text: gate(answer.text) };
    case 'card':
      return { ...answer, card: cleanCard(answer.card, gate) };
    case 'form': {
      const { form } = answer;
      return { ...answer, form: { ...form, title: gate(form.title), text: cleanRich(form.text, gate) } };
    }
  }
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
