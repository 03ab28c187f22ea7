import { cardView } from './card-view.js';
import { announce, element, patch } from './dom.js';
import { openForm } from './form.js';
import { literal } from './text.js';
import { formatTime } from './time.js';
import { h } from './tree.js';

/** @typedef {import('../message-store.ts').WireAnswer} WireAnswer */
/** @typedef {{ id: number, asked: string, kind: 'note' | 'problem', text: string, code?: string | undefined } | { id: number, asked: string, kind: 'card', card: import('../message-store.ts').WireCard }} Note */

const tray = element('notes', HTMLUListElement);
let count = 0;

/**
 * Shows an answer that only the reader sees.
 *
 * @param {string} asked what was typed or pressed
 * @param {WireAnswer} answer
 */
export function showAnswer(asked, answer) {
  switch (answer.kind) {
    case 'none':
      return;
    case 'note':
      show({ id: ++count, asked, kind: 'note', text: answer.text, code: answer.code });
      announce(answer.text);
      return;
    case 'card':
      show({ id: ++count, asked, kind: 'card', card: answer.card });
      announce(answer.card.title);
      return;
    case 'form':
      openForm(answer.form, showAnswer);
      return;
    case 'invalid':
      show({ id: ++count, asked, kind: 'problem', text: answer.text });
      announce(answer.text);
  }
}

/**
 * @param {string} asked
 * @param {unknown} error
 */
export function showProblem(asked, error) {
  const text = error instanceof Error ? error.message : String(error);
  show({ id: ++count, asked, kind: 'problem', text });
  announce(text);
}

/** Removes the answer that is shown. */
export function dismiss() {
  show(undefined);
}

export function watchNotes() {
  tray.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('[data-dismiss]') : null;
    if (button === null) return;
    dismiss();
    element('command', HTMLInputElement).focus({ preventScroll: true });
  });
  document.addEventListener('keydown', ({ key, defaultPrevented }) => {
    if (key === 'Escape' && !defaultPrevented && document.querySelector('dialog[open]') === null) dismiss();
  });
}

/** Shows an answer in the place of the one before, or none. @param {Note | undefined} note */
function show(note) {
  patch(tray, note === undefined ? [] : [noteView(note)]);
  tray.hidden = note === undefined;
  tray.scrollTop = 0;
}

/** @param {Note} note */
function noteView(note) {
  const id = `note-${note.id}`;
  return h(
    'li',
    { key: id, class: `note note-${note.kind}` },
    h(
      'div',
      { class: 'note-head' },
      h('span', { class: 'asked' }, literal(note.asked)),
      h('span', { class: 'alone' }, 'only you see this'),
      h('button', { type: 'button', class: 'quiet', 'data-dismiss': true, 'aria-label': 'Dismiss' }, '×'),
    ),
    note.kind === 'card'
      ? cardView(note.card, { id, level: 2, time: formatTime, live: true })
      : h('p', {}, literal(note.text), note.code !== undefined && [' ', h('code', {}, literal(note.code))]),
  );
}
