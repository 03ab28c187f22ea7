import { type Block, buttonId, type Card, plainText, type Rich, type Span } from '../../src/views/card.ts';
import type { Form } from '../../src/views/forms.ts';
import { withoutTable } from '../../src/views/guest-lines.ts';
import { lineText } from '../../src/views/plan-text.ts';

/**
 * A card as plain text: everything a reader gets to see of it, and what its buttons carry. Plan ids are hashes and would
 * change all expected texts at once: they read `p-id`.
 */
export function cardText(card: Card): string {
  return withoutPlanIds(
    [
      `[${card.tone}] ${card.title}`,
      ...card.blocks.map(blockText),
      ...card.buttons.flatMap((button) => [
        `( ${button.label} ) ${button.style} ${buttonId(button)}`,
        ...(button.confirm === undefined
          ? []
          : [`    asks: ${button.confirm.title} ${button.confirm.text} [${button.confirm.yes}]`]),
      ]),
      ...card.files.map((file) => `file ${file.name} "${file.title}", ${file.text.split('\n').length} lines`),
      '',
    ].join('\n'),
  );
}

/** A form as plain text. */
export function formText(form: Form): string {
  const fields = form.fields.map(
    ({ name, label, hint, required, multiline }) =>
      `  ${name}: ${label}${hint === undefined ? '' : ` | ${hint}`}${required ? ' *' : ''}${multiline ? ' (lines)' : ''}`,
  );
  return withoutPlanIds(
    [
      `${form.title} (${form.id})`,
      richText(form.text),
      ...fields,
      `( ${form.submit} )${form.danger ? ' danger' : ''}`,
      '',
    ].join('\n'),
  );
}

function withoutPlanIds(text: string): string {
  return text.replace(/\bp-[0-9a-f]{6}\b/g, 'p-id');
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'text':
      return richText(block.rich);
    case 'small':
      return `. ${richText(block.rich)}`;
    case 'warning':
      return `! ${richText(block.rich)}`;
    case 'lines':
      return block.lines.map((line) => `| ${line.mark === undefined ? line.text : lineText(line)}`).join('\n');
    case 'guests':
      return blockText(withoutTable(block));
    case 'progress':
      return `${block.label} ${block.fraction === undefined ? '[?]' : `[${Math.round(block.fraction * 100)}]`} ${block.text}`;
    case 'divider':
      return '---';
  }
}

function richText(rich: Rich): string {
  return rich.map(spanText).join('');
}

function spanText(span: Span): string {
  if (typeof span === 'string') return span;
  if ('bold' in span) return `*${span.bold}*`;
  if ('code' in span) return `\`${span.code}\``;
  if ('link' in span) return `[${span.text}](${span.link})`;
  if ('time' in span && span.show === 'relative') return `{relative to ${plainText([span])}}`;
  return plainText([span]);
}
