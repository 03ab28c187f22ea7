import type { types } from '@slack/bolt';
import { oneLine } from '../../lib/text.ts';
import { type Block, type Button, buttonId, type Card, plainText, readButtonId, type Span } from '../../views/card.ts';
import { drawBlock, keptRoom } from './layout.ts';
import { fallbackBytes, limits, room, weigh } from './limits.ts';
import { clip, escapedWithin, named, plain } from './text.ts';

/** A message as Block Kit. */
export interface SlackMessage {
  /** For notifications and screen readers. Escaped. */
  readonly text: string;
  readonly blocks: readonly types.KnownBlock[];
}

/**
 * A card as Block Kit, within every limit of the platform. Warnings and lines with `keep` get their space first; the rest is
 * cut at line ends. Blocks carry no block_id, because Slack requires a new one for every version of a message and makes one
 * where it is absent.
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

/** Indices of the blocks; those that must not be cut come first. */
function byImportance(blocks: readonly Block[]): readonly number[] {
  const rank = { warning: 0, text: 1, progress: 2, small: 3, lines: 4, guests: 4, divider: 5 } as const;
  return blocks
    .map((block, index) => ({ index, rank: rank[block.kind] }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ index }) => index);
}

/** A short card is drawn as a line of text instead of a header. */
function drawTitle(title: string): types.RichTextBlock {
  const text = clip(named(title, 'proxnix'), room.line);
  const bold = { type: 'text', text, style: { bold: true } } as const;
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [bold] }] };
}

/** The value of a button: ids only, so it works after a restart. */
export type ButtonIds = Pick<Button, 'action' | 'runId' | 'planId'>;

/**
 * Buttons in rows. A row may hold an action_id (`px1:approve`) once, so a second Approve begins a new row. Buttons beyond the
 * limit of a message are left out; a card has only a few.
 */
export function buttonRows(buttons: readonly Button[]): readonly types.ActionsBlock[] {
  const rows: types.Button[][] = [];
  let left = room.buttons;
  for (const button of buttons) {
    const drawn = drawButton(button);
    left -= weigh(drawn);
    if (left < 0) break;
    const last = rows.at(-1);
    const fits = last !== undefined && last.length < 5 && last.every(({ action_id }) => action_id !== drawn.action_id);
    if (fits) last.push(drawn);
    else rows.push([drawn]);
  }
  return rows.map((elements) => ({ type: 'actions', elements }));
}

/** Reads a value of `drawButton`; `undefined` for anything else. A value can be forged, so it proves nothing. */
export function readButton(actionId: string, value: string): ButtonIds | undefined {
  return readButtonId(`${actionId}:${value}`);
}

function drawButton(button: Button): types.Button {
  const [prefix, action, ...ids] = buttonId(button).split(':');
  const label = hasWords(button.label) ? named(button.label, button.action) : button.action;
  return {
    type: 'button',
    action_id: `${prefix}:${action}`,
    value: ids.join(':'),
    text: plain(label, limits.button),
    accessibility_label: clip([label, button.planId ?? button.runId].join(' '), limits.accessibility),
    ...(button.style === 'plain' ? {} : { style: button.style }),
    ...(button.confirm === undefined ? {} : { confirm: drawConfirm(button.confirm, button.style) }),
  };
}

function drawConfirm(confirm: NonNullable<Button['confirm']>, style: Button['style']): types.ConfirmationDialog {
  return {
    title: plain(named(confirm.title, 'Are you sure?'), limits.confirm.title),
    text: plain(named(confirm.text, 'Are you sure?'), limits.confirm.text),
    confirm: plain(named(confirm.yes, 'Yes'), limits.confirm.button),
    deny: plain('Back', limits.confirm.button),
    ...(style === 'danger' ? { style } : {}),
  };
}

/** A label must contain words; signs and emoji are not enough. */
function hasWords(label: string): boolean {
  return /[\p{L}\p{N}]/u.test(label.replace(/:[a-z0-9_+-]+:/gi, ''));
}

/** The card as text for notifications and screen readers: title, warnings, then the other texts. */
export function fallback(card: Card): string {
  const said = (kind: 'warning' | 'text'): readonly string[] =>
    card.blocks.flatMap((block) => (block.kind === kind ? [plainText(block.rich.filter(isShowable))] : []));
  const parts = [card.title, ...said('warning'), ...said('text')].map((part) => oneLine(part).trim());
  const text = parts.filter((part) => part !== '').reduce(sentences, '');
  return escapedWithin(text === '' ? 'proxnix' : text, fallbackBytes);
}

/** Leaves out times out of range, for which `Date` throws. */
function isShowable(span: Span): boolean {
  return typeof span === 'string' || !('time' in span) || Math.abs(span.time) <= 8.64e15;
}

function sentences(said: string, part: string): string {
  if (said === '') return part;
  return `${said}${/[.!?:]$/.test(said) ? '' : '.'} ${part}`;
}
