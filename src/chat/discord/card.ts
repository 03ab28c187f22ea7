import {
  type APIComponentInContainer,
  type APIMessageTopLevelComponent,
  ComponentType,
  MessageFlags,
  SeparatorSpacingSize,
} from 'discord.js';
import type { Card, CardFile, Tone } from '../../views/card.ts';
import { buttonRows } from './buttons.ts';
import { cleanFiles } from './files.ts';
import { fullText } from './full-text.ts';
import { drawPieces, type Piece } from './pieces.ts';
import { escapeMarkdown } from './rich.ts';
import { Room } from './room.ts';
import { cleanText, cut, oneLine } from './text.ts';

/** The body of a Components V2 message; flags and mentions are part of every create and every edit. */
export interface MessageBody {
  readonly flags: number;
  readonly allowed_mentions: { readonly parse: [] };
  readonly components: APIMessageTopLevelComponent[];
}

/** A card as Discord takes it. `files` are not in the body: they go where they can be seen (the thread). */
export interface DrawnCard {
  readonly body: MessageBody;
  readonly files: readonly CardFile[];
}

/** Colours only repeat what the title says. */
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
 * Draws a card within every limit of Discord. Warnings and lines to keep are never cut (unless they alone are more than
 * a message holds; then it says so); the rest is cut at line ends, and what is missing stands in one of the files.
 */
export function discordCard(card: Card): DrawnCard {
  const room = new Room();
  const title = `## ${escapeMarkdown(cut(oneLine(card.title).trim(), maxTitle)) || 'proxnix'}`;
  room.takeDisplay(title);
  room.takeDisplay(droppedNote({ all: 1e6, losing: 1e6 }));
  const files = cleanFiles(card.files);
  const fileFor = (missing: string) =>
    files.find((file) => missing.trim() !== '' && file.text.includes(cleanText(missing).trim()))?.name ?? restFile;
  const { pieces, missing, dropped } = drawPieces(card.blocks, room, fileFor);
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

/** Room for this is held back, so nothing is ever left out in silence. */
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

/** Pieces as components: neighbours that belong together in one; all in one when there are too many. */
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
