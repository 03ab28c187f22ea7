import { splitTitle } from './card-view.js';
import { announce, element, isAtEnd, patch, toEnd } from './dom.js';
import { refreshFiles } from './files.js';
import { messageView } from './message-view.js';

/** @typedef {import('../message-store.ts').WireMessage} WireMessage */

/** @type {Map<string, WireMessage>} */
const messages = new Map();
const list = element('messages', HTMLOListElement);
const empty = element('empty', HTMLElement);
const jump = element('jump', HTMLButtonElement);
let known = false;
let unseen = 0;

/**
 * Shows the whole channel; removes messages that are not in it.
 *
 * @param {readonly WireMessage[]} all
 */
export function showAll(all) {
  const news = known ? all.map(newsOf).filter((text) => text !== undefined) : [];
  messages.clear();
  for (const message of all) messages.set(message.id, message);
  redraw(news);
  if (!known) begin();
  known = true;
}

/** Shows where the decision is: the newest open plan with what it destroys, else the end of the channel. */
function begin() {
  const plan = [...messages.values()].findLast(({ card }) =>
    card.buttons.some(({ id }) => id.startsWith('px1:approve:')),
  );
  const card = plan === undefined ? null : document.getElementById(`m-${plan.id}`);
  if (card === null) return toEnd();
  card.scrollIntoView({ block: 'start' });
  card.querySelector('tr.destroy')?.scrollIntoView({ block: 'nearest' });
}

/** @param {WireMessage} message */
export function showOne(message) {
  const news = newsOf(message);
  messages.set(message.id, message);
  redraw(news === undefined ? [] : [news]);
}

/** @param {readonly string[]} news */
function redraw(news) {
  const [stay, focused] = [isAtEnd(), document.activeElement];
  const card = focused?.closest('.card');
  patch(list, [...messages.values()].map(messageView));
  empty.hidden = messages.size > 0;
  list.hidden = messages.size === 0;
  // When the focused button is removed with its plan, the focus moves to the card.
  if (focused?.isConnected === false && card instanceof HTMLElement && card.isConnected) {
    card.focus({ preventScroll: true });
  }
  refreshFiles(list);
  for (const text of news) announce(text);
  if (stay) toEnd();
  if (news.length > 0 && (!stay || document.hidden)) countUnseen(news.length);
}

/**
 * The news of a message: a new card, a new reply, another state. A progress update is no news.
 *
 * @param {WireMessage} message
 */
function newsOf(message) {
  const before = messages.get(message.id);
  const reply = message.replies.length > (before?.replies.length ?? 0) ? message.replies.at(-1) : undefined;
  const { title } = message.card;
  if (before === undefined || splitTitle(before.card.title).state !== splitTitle(title).state) {
    return `${message.fleet}: ${title}`;
  }
  return reply === undefined ? undefined : `${message.fleet}, reply: ${reply.card.title}`;
}

/** @param {number} more */
function countUnseen(more) {
  unseen += more;
  jump.textContent = unseen === 1 ? '1 update' : `${unseen} updates`;
  jump.hidden = false;
  document.title = `(${unseen}) proxnix`;
}

function seen() {
  unseen = 0;
  jump.hidden = true;
  document.title = 'proxnix';
}

export function watchReading() {
  jump.addEventListener('click', () => {
    toEnd();
    seen();
    element('command', HTMLInputElement).focus({ preventScroll: true });
  });
  const look = () => {
    if (isAtEnd() && !document.hidden) seen();
  };
  addEventListener('scroll', look, { passive: true });
  document.addEventListener('visibilitychange', look);
}
