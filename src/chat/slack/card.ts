import type { types } from '@slack/bolt';
import type { Block, Card } from '../../views/card.ts';
import { drawBlock, keptRoom } from './block.ts';
import { buttonRows, named, plain } from './buttons.ts';
import { fallback } from './fallback.ts';
import { limits, room, weigh } from './limits.ts';
import { clip } from './literal.ts';

export interface SlackMessage {
  /** For notifications and screen readers. Escaped. */
  readonly text: string;
  readonly blocks: readonly types.KnownBlock[];
}

/**
 * A card as Block Kit, within every limit of the platform. Warnings and the lines that a plan must keep get their space
 * first; the rest is cut at line ends. Blocks carry no block_id: Slack wants a new one for every version of a message,
 * and makes one where none is given.
 */
export function slackCard(card: Card): SlackMessage {
  const rows = buttonRows(card.buttons);
  const head: types.HeaderBlock = { type: 'header', text: plain(named(card.title, 'proxnix'), limits.header) };
  const title = drawTitle(card.title);
  const taken = rows.reduce((total, row) => total + weigh(row), Math.max(weigh(head), weigh(title)));
  const body = drawBody(card.blocks, room.message - taken, card.files.length > 0 ? ' in the thread' : '');
  // chat.update may refuse to take the last rich_text out of a message (block_mismatch), so each version has one.
  const top = body.some(({ type }) => type === 'rich_text') ? head : title;
  return { text: fallback(card), blocks: [top, ...body, ...rows] };
}

function drawBody(blocks: readonly Block[], space: number, where: string): readonly types.KnownBlock[] {
  let left = space;
  const reserved = blocks.map((block) => {
    const kept = Math.min(keptRoom(block, where), left);
    left -= kept;
    return kept;
  });
  const drawn = new Map<number, types.KnownBlock>();
  for (const index of byImportance(blocks)) {
    const block = blocks[index];
    const kept = reserved[index] ?? 0;
    if (block === undefined || (drawn.size >= room.blocks && kept === 0)) continue;
    const piece = drawBlock(block, left + kept, where);
    left += kept - (piece === undefined ? 0 : weigh(piece));
    if (piece !== undefined) drawn.set(index, piece);
  }
  return [...drawn].sort(([a], [b]) => a - b).map(([, piece]) => piece);
}

/** Indices of the blocks, those first that must not be cut. */
function byImportance(blocks: readonly Block[]): readonly number[] {
  const rank = { warning: 0, text: 1, progress: 2, small: 3, lines: 4, divider: 5 } as const;
  return blocks
    .map((block, index) => ({ index, rank: rank[block.kind] }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ index }) => index);
}

/** A card that says little is a line of text rather than a header. */
function drawTitle(title: string): types.RichTextBlock {
  const text = clip(named(title, 'proxnix'), room.line);
  const bold = { type: 'text', text, style: { bold: true } } as const;
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [bold] }] };
}
