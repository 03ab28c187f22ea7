import { cardView } from './card-view.js';
import { announce, element, patch } from './dom.js';
import { openForm } from './form.js';
import { literal } from './text.js';
import { formatTime } from './time.js';
import { h } from './tree.js';

/** @typedef {import('../message-store.ts').WireAnswer} WireAnswer */
/** @typedef {{ id: number, asked: string, kind: 'note' | 'problem', text: string, code?: string | undefined } | { id: number, asked: string, kind: 'card', card: import('../message-store.ts').WireCard }} Note */

const tray = element('notes', HTMLUListElement);
/** Newest first. @type {Note[]} */
let notes = [];
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
      add({ id: ++count, asked, kind: 'note', text: answer.text, code: answer.code });
      announce(answer.text);
      return;
    case 'card':
      add({ id: ++count, asked, kind: 'card', card: answer.card });
      announce(answer.card.title);
      return;
    case 'form':
      openForm(answer.form, showAnswer);
      return;
    case 'invalid':
      add({ id: ++count, asked, kind: 'problem', text: answer.text });
      announce(answer.text);
  }
}

/**
 * @param {string} asked
 * @param {unknown} error
 */
export function showProblem(asked, error) {
  const text = error instanceof Error ? error.message : String(error);
  add({ id: ++count, asked, kind: 'problem', text });
  announce(text);
}

/** Removes the newest note; false when there is none. */
export function dismissNewest() {
  const [newest] = notes;
  if (newest === undefined) return false;
  dismiss(newest.id);
  return true;
}

export function watchNotes() {
  tray.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('[data-dismiss]') : null;
    if (button === null) return;
    dismiss(Number(button.getAttribute('data-dismiss')));
    element('command', HTMLInputElement).focus({ preventScroll: true });
  });
}

/** @param {Note} note */
function add(note) {
  notes = [note, ...notes].slice(0, 5);
  redraw();
  tray.scrollTop = 0;
}

/** @param {number} id */
function dismiss(id) {
  notes = notes.filter((note) => note.id !== id);
  redraw();
}

function redraw() {
  patch(tray, notes.map(noteView));
  tray.hidden = notes.length === 0;
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
      h('button', { type: 'button', class: 'quiet', 'data-dismiss': note.id, 'aria-label': 'Dismiss' }, '×'),
    ),
    note.kind === 'card'
      ? cardView(note.card, { id, level: 2, time: formatTime, live: true })
      : h('p', {}, literal(note.text), note.code !== undefined && [' ', h('code', {}, literal(note.code))]),
  );
}
