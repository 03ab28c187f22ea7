import {
  type APIActionRowComponent,
  type APIButtonComponent,
  type APIComponentInContainer,
  type APIMessageTopLevelComponent,
  ButtonStyle,
  ComponentType,
  MessageFlags,
  SeparatorSpacingSize,
} from 'discord.js';
import { type Button, buttonId, type Card, plainText, readButtonId, type Tone } from '../../views/card.ts';
import { type PlainBlock, withoutTable } from '../../views/guest-lines.ts';
import { cleanFiles, type DiscordFile } from './files.ts';
import { Budget, layOut, type Piece } from './layout.ts';
import { cleanText, cut, escapeMarkdown, oneLine } from './text.ts';

/** The body of a Components V2 message; flags and mentions are part of every create and every edit. */
export interface MessageBody {
  readonly flags: number;
  readonly allowed_mentions: { readonly parse: [] };
  readonly components: APIMessageTopLevelComponent[];
}

/** A card as a message of Discord. `files` are not in the body: they are posted into the thread, which shows them. */
export interface DrawnCard {
  readonly body: MessageBody;
  readonly files: readonly DiscordFile[];
}

/** Colours only repeat the words of the title. */
const accents: Readonly<Record<Tone, number>> = {
  waiting: 0xf0b232,
  working: 0x5865f2,
  good: 0x23a55a,
  bad: 0xda373c,
  quiet: 0x80848e,
};
const maxTitle = 200;
/** Discord takes 40 components; title, texts and separators stay below this, buttons come on top. */
const maxParts = 14;
const restFile = 'message.txt';

/**
 * Draws a card within every limit of Discord. Warnings and lines with `keep` are cut only when they alone exceed a message,
 * and the message then says so. All other text is cut at line ends, and one of the files holds the missing lines.
 */
export function discordCard(card: Card): DrawnCard {
  const budget = new Budget();
  const title = `## ${escapeMarkdown(cut(oneLine(card.title).trim(), maxTitle)) || 'proxnix'}`;
  budget.takeDisplay(title);
  budget.takeDisplay(droppedNote({ all: 1e6, losing: 1e6 }));
  const files = cleanFiles(card.files);
  const fileFor = (missing: string) =>
    files.find((file) => missing.trim() !== '' && file.text.includes(cleanText(missing).trim()))?.name ?? restFile;
  const { pieces, missing, dropped } = layOut(card.blocks, budget, fileFor);
  const note = dropped.all === 0 ? [] : [display(droppedNote(dropped))];
  const rest = missing.some((text) => fileFor(text) === restFile)
    ? [{ name: restFile, title: 'The whole message', text: fullText(card) }]
    : [];
  const components = [display(title), ...arrange(pieces), ...note, ...buttonRows(card.buttons)];
  return {
    body: messageBody([{ type: ComponentType.Container, accent_color: accents[card.tone], components }]),
    files: [...files, ...cleanFiles(rest)],
  };
}

/** Budget for this note is reserved, so a message always says when something is left out. */
function droppedNote({ all, losing }: { readonly all: number; readonly losing: number }): string {
  return losing === 0
    ? `-# … ${all} more parts, see ${restFile}`
    : `⚠️ **${all} more parts, ${losing} of them lose data: read ${restFile}**`;
}

/** A V2 message with mentions switched off. */
export function messageBody(components: APIMessageTopLevelComponent[], flags = 0): MessageBody {
  return { flags: MessageFlags.IsComponentsV2 | flags, allowed_mentions: { parse: [] }, components };
}

/** Text in a component of its own. */
export function display(content: string): { type: ComponentType.TextDisplay; content: string } {
  return { type: ComponentType.TextDisplay, content };
}

/** Layout as components: joined neighbours share one component; all texts share one when there are too many. */
function arrange(pieces: readonly Piece[]): APIComponentInContainer[] {
  const joined = joinTexts(trimDividers(pieces), false);
  const few =
    joined.length <= maxParts
      ? joined
      : joinTexts(
          joined.filter((piece) => piece.kind === 'text'),
          true,
        );
  return few.map((piece) =>
    piece.kind === 'text'
      ? display(piece.text)
      : { type: ComponentType.Separator, divider: true, spacing: SeparatorSpacingSize.Small },
  );
}

function trimDividers(pieces: readonly Piece[]): Piece[] {
  const single = pieces.filter((piece, index) => piece.kind === 'text' || pieces[index - 1]?.kind === 'text');
  return single.at(-1)?.kind === 'divider' ? single.slice(0, -1) : single;
}

function joinTexts(pieces: readonly Piece[], all: boolean): Piece[] {
  const joined: Piece[] = [];
  for (const piece of pieces) {
    const before = joined.at(-1);
    if (piece.kind === 'text' && before?.kind === 'text' && (all || (piece.joins && before.joins))) {
      joined[joined.length - 1] = { ...before, text: `${before.text}\n${piece.text}` };
    } else joined.push(piece);
  }
  return joined;
}

const perRow = 5;
const maxRows = 2;
/** Discord takes 80 characters and shows about 38. */
const maxLabel = 38;

/**
 * Rows of buttons. `Button.confirm` is not drawn: Discord has no dialog for it, and a destroy is confirmed with a form.
 * A button with an unreadable id is not drawn, because its press would be refused; neither is a second button with the
 * same id, because Discord would refuse the message.
 */
export function buttonRows(buttons: readonly Button[]): APIActionRowComponent<APIButtonComponent>[] {
  const byId = new Map(buttons.map((button) => [buttonId(button), button]));
  const drawn = [...byId].filter(([id]) => readButtonId(id) !== undefined).slice(0, perRow * maxRows);
  const rows: APIActionRowComponent<APIButtonComponent>[] = [];
  for (let start = 0; start < drawn.length; start += perRow) {
    const components = drawn.slice(start, start + perRow).map(([id, button]) => drawButton(id, button));
    rows.push({ type: ComponentType.ActionRow, components });
  }
  return rows;
}

function drawButton(id: string, button: Button): APIButtonComponent {
  const label = cut(oneLine(button.label).trim(), maxLabel);
  return { type: ComponentType.Button, style: styleOf(button), label: label || button.action, custom_id: id };
}

function styleOf(
  button: Button,
): ButtonStyle.Danger | ButtonStyle.Success | ButtonStyle.Primary | ButtonStyle.Secondary {
  if (button.style === 'danger') return ButtonStyle.Danger;
  if (button.style === 'plain') return ButtonStyle.Secondary;
  return button.action === 'approve' ? ButtonStyle.Success : ButtonStyle.Primary;
}

/** A whole card as plain text, for the file that completes a shortened message. */
export function fullText(card: Card): string {
  return cleanText([card.title, ...card.blocks.map(withoutTable).map(blockText)].join('\n\n')).concat('\n');
}

function blockText(block: PlainBlock): string {
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
