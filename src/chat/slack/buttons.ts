import type { types } from '@slack/bolt';
import { oneLine } from '../../lib/text.ts';
import { type Button, buttonId, readButtonId } from '../../views/card.ts';
import { limits, room, weigh } from './limits.ts';
import { clip } from './literal.ts';

/** What a press says: ids only, so a button works after a restart. */
export type ButtonIds = Pick<Button, 'action' | 'runId' | 'planId'>;

/**
 * Buttons in rows. An action_id (`px1:approve`) may stand once in a row, so a second Approve begins a new one. Buttons
 * beyond what a message can hold are left out: a card has a handful.
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

/** Reads what `drawButton` wrote; `undefined` for anything else. A value is a claim, not a proof. */
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

/** A button must say what it does in words; signs and emoji are not enough. */
function hasWords(label: string): boolean {
  return /[\p{L}\p{N}]/u.test(label.replace(/:[a-z0-9_+-]+:/gi, ''));
}

/** Slack takes no empty text. */
export function named(text: string, otherwise: string): string {
  const words = oneLine(text).trim();
  return words === '' ? otherwise : words;
}

export function plain(text: string, max: number): types.PlainTextElement {
  return { type: 'plain_text', text: clip(text, max), emoji: false };
}
