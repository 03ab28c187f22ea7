import type { Answer, FormField } from '../chat/chat.ts';
import { cleanText } from '../lib/text.ts';
import type { Block, Button, Card, Rich, Span } from '../views/card.ts';

/** Removes secrets from a text. */
type Gate = (text: string) => string;

/**
 * A card with every text passed through the output gate: the one place where text is cleaned for all chats alike. What
 * moves a cursor, reorders or hides text goes first, or it could stand inside a secret and keep it from being found.
 */
export function cleanCard(card: Card, gate: Gate): Card {
  const clean: Gate = (text) => gate(cleanText(text));
  return {
    tone: card.tone,
    title: clean(card.title),
    blocks: card.blocks.map((block) => cleanBlock(block, clean)),
    buttons: card.buttons.map((button) => cleanButton(button, clean)),
    files: card.files.map((file) => ({ name: clean(file.name), title: clean(file.title), text: clean(file.text) })),
  };
}

/** An answer with every text passed through the output gate. A name that must be typed keeps what looks like a secret. */
export function cleanAnswer(answer: Answer, gate: Gate): Answer {
  const clean: Gate = (text) => gate(cleanText(text));
  switch (answer.kind) {
    case 'none':
      return answer;
    case 'note':
    case 'invalid':
      return { ...answer, text: clean(answer.text) };
    case 'card':
      return { ...answer, card: cleanCard(answer.card, gate) };
    case 'form': {
      const { form } = answer;
      const fields = form.fields.map((field) => cleanField(field));
      return { ...answer, form: { ...form, title: clean(form.title), text: cleanRich(form.text, clean), fields } };
    }
  }
}

function cleanField(field: FormField): FormField {
  const hint = field.hint === undefined ? {} : { hint: cleanText(field.hint) };
  return { ...field, label: cleanText(field.label), ...hint };
}

function cleanButton(button: Button, clean: Gate): Button {
  const { confirm } = button;
  const asked =
    confirm === undefined
      ? {}
      : { confirm: { title: clean(confirm.title), text: clean(confirm.text), yes: clean(confirm.yes) } };
  return { ...button, label: clean(button.label), ...asked };
}

function cleanBlock(block: Block, clean: Gate): Block {
  switch (block.kind) {
    case 'text':
    case 'small':
    case 'warning':
      return { ...block, rich: cleanRich(block.rich, clean) };
    case 'lines':
      return { ...block, lines: block.lines.map((line) => ({ ...line, text: clean(line.text) })) };
    case 'progress':
      return { ...block, label: clean(block.label), text: clean(block.text) };
    case 'divider':
      return block;
  }
}

function cleanRich(rich: Rich, clean: Gate): Rich {
  return rich.map((span): Span => {
    if (typeof span === 'string') return clean(span);
    if ('bold' in span) return { bold: clean(span.bold) };
    if ('code' in span) return { code: clean(span.code) };
    if ('link' in span) return { link: clean(span.link), text: clean(span.text) };
    if ('person' in span) return { person: { ...span.person, name: clean(span.person.name) } };
    return span;
  });
}
