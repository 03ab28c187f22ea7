import { type Button, buttonId, type Card, type CardFile } from '../../views/card.ts';
import type { Answer } from '../chat.ts';
import type { ConsoleMessage } from './message-store.ts';

/** A button as the page gets it: what to press, what to read, what to ask before. */
export type WireButton = Pick<Button, 'label' | 'style' | 'confirm'> & { readonly id: string };

/** A file of a card: its text, or where to get it. `bytes` of UTF-8. */
export type WireFile = Pick<CardFile, 'name' | 'title'> &
  ({ readonly text: string } | { readonly url: string; readonly bytes: number });

/** A card as the page gets it. */
export type WireCard = Pick<Card, 'tone' | 'title' | 'blocks'> & {
  readonly buttons: readonly WireButton[];
  readonly files: readonly WireFile[];
};

/** A message as the page gets it. Times are milliseconds since the epoch. */
export interface WireMessage {
  readonly id: string;
  readonly fleet: string;
  readonly at: number;
  readonly changedAt: number;
  readonly card: WireCard;
  readonly replies: readonly { readonly id: string; readonly at: number; readonly card: WireCard }[];
}

/** An answer as the page gets it. */
export type WireAnswer = Exclude<Answer, { kind: 'card' }> | { readonly kind: 'card'; readonly card: WireCard };

/** A message without the text of its files: a log of megabytes must not travel with each tick of its card. */
export function wireMessage(message: ConsoleMessage): WireMessage {
  const { id, fleet, at, changedAt, replies } = message;
  return {
    id,
    fleet,
    at,
    changedAt,
    card: linkedCard(id, message.card),
    replies: replies.map((reply) => ({ id: reply.id, at: reply.at, card: linkedCard(reply.id, reply.card) })),
  };
}

/** An answer is seen once and kept nowhere, so its files come with it. */
export function wireAnswer(answer: Answer): WireAnswer {
  return answer.kind === 'card' ? { kind: 'card', card: wholeCard(answer.card) } : answer;
}

/** A card with everything in it. */
export function wholeCard(card: Card): WireCard {
  return { ...card, buttons: card.buttons.map(wireButton) };
}

function linkedCard(id: string, card: Card): WireCard {
  const files = card.files.map(({ name, title, text }) => ({
    name,
    title,
    url: `/api/messages/${id}/files/${encodeURIComponent(name)}`,
    bytes: Buffer.byteLength(text),
  }));
  return { ...card, buttons: card.buttons.map(wireButton), files };
}

function wireButton(button: Button): WireButton {
  const { label, style, confirm } = button;
  return { id: buttonId(button), label, style, ...(confirm === undefined ? {} : { confirm }) };
}
