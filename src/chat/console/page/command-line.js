import { showAnswer, showProblem } from './answers.js';
import { post } from './api.js';
import {
  accept,
  best,
  chosen,
  closePopup,
  isOpen,
  lineContext,
  move,
  narrowPopup,
  onPick,
  openPopup,
  suggestions,
} from './completion.js';
import { element } from './dom.js';
import { commandUsage } from './help.js';

/** @typedef {import('../../chat.ts').CommandSpec} CommandSpec */

const form = element('command-form', HTMLFormElement);
const input = element('command', HTMLInputElement);
const hint = element('command-hint', HTMLElement);
const send = element('send', HTMLButtonElement);
const idleHint = hint.textContent ?? '';
/** @type {readonly CommandSpec[]} */
let commands = [];
/** Counts edits, so that late suggestions are dropped. */
let edits = 0;

/** @param {readonly CommandSpec[]} known */
export function setCommands(known) {
  commands = known;
  if (input.value !== '' && document.activeElement === input) void suggest();
}

export function watchCommandLine() {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void run();
  });
  input.addEventListener('input', () => void suggest());
  input.addEventListener('keydown', onKey);
  input.addEventListener('blur', closePopup);
  onPick(take);
  document.addEventListener('keydown', (event) => {
    const typing = event.target instanceof Element && event.target.matches('input, textarea, select');
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector('dialog[open]') !== null) return;
    event.preventDefault();
    input.focus();
  });
}

async function run() {
  const text = input.value.trim();
  if (text === '' || send.getAttribute('aria-busy') === 'true') return;
  const asked = /^\/?proxnix(\s|$)/i.test(text) ? text.replace(/^\/?proxnix\s*/i, '') : text.replace(/^\//, '');
  remember(text);
  setLine('');
  send.setAttribute('aria-busy', 'true');
  try {
    showAnswer(asked, await post('/api/commands', { text }));
  } catch (error) {
    showProblem(asked, error);
    // After a failure the typed line comes back.
    if (input.value === '') setLine(text);
  } finally {
    send.removeAttribute('aria-busy');
  }
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (arrow !== 0) {
    event.preventDefault();
    if (isOpen()) move(arrow);
    else if (arrow === 1 && input.value.trim() === '') void suggest();
    else setLine(recall(arrow, input.value));
  } else if (event.key === 'Tab' && !event.shiftKey && isOpen()) {
    event.preventDefault();
    take(best()?.value ?? '');
  } else if (event.key === 'Enter' && chosen() !== undefined) {
    event.preventDefault();
    take(chosen()?.value ?? '');
  } else if (event.key === 'Escape') {
    // With suggestions open, Escape closes them; else it dismisses the answer.
    if (!isOpen()) return;
    event.preventDefault();
    closePopup();
  }
}

async function suggest() {
  const edit = ++edits;
  showHint();
  narrowPopup(input.value, commands);
  const found = await suggestions(input.value, commands).catch(() => []);
  if (edit === edits && document.activeElement === input) openPopup(found);
}

/** @param {string} value */
function take(value) {
  setLine(accept(input.value, value, commands));
  void suggest();
}

/** @param {string} line */
function setLine(line) {
  edits += 1;
  input.value = line;
  closePopup();
  showHint();
}

function showHint() {
  const { spec } = lineContext(input.value, commands);
  hint.textContent = spec === undefined ? idleHint : `${commandUsage(spec)}  ${spec.description}`;
}

const place = 'proxnix-history';
const most = 50;

/** Sent lines, oldest first; this browser keeps them after the page is closed. @type {string[]} */
let lines = read();
let at = lines.length;
let draft = '';

/** @param {string} line */
export function remember(line) {
  lines = [...lines.filter((known) => known !== line), line].slice(-most);
  at = lines.length;
  try {
    localStorage.setItem(place, JSON.stringify(lines));
  } catch {
    // Without storage the history lasts as long as the page.
  }
}

/**
 * An older or newer line of the history; the newest is the line that was being typed.
 *
 * @param {1 | -1} by
 * @param {string} typed
 */
export function recall(by, typed) {
  if (at === lines.length) draft = typed;
  at = Math.min(lines.length, Math.max(0, at + by));
  return lines[at] ?? draft;
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(place) ?? '[]');
    return Array.isArray(kept) ? kept.filter((line) => typeof line === 'string').slice(-most) : [];
  } catch {
    return [];
  }
}
