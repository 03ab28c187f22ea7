import { literal } from './text.js';
import { h } from './tree.js';

/** @typedef {Extract<import('../../../views/card.ts').Block, { kind: 'guests' }>} GuestsBlock */
/** @typedef {import('../../../views/card.ts').GuestRow} GuestRow */
/** @typedef {import('./tree.js').ElementNode} ElementNode */
/** @typedef {{ key: string, time: import('./card-view.d.ts').FormatTime, live?: boolean }} Options */

/** A longer table shows so many guests and those that must be seen; the others are behind a line that counts them. */
const guestsAtOnce = 24;

/**
 * @type {Record<GuestsBlock['of'], { caption: string, heads: readonly string[],
 *   cells: (row: GuestRow, options: Options) => readonly ElementNode[] }>}
 */
const tables = {
  plan: {
    caption: 'What the plan does to each guest',
    heads: ['Action', 'Guest', 'VMID', 'Changes'],
    cells: (row) => [actionCell(row), ...guestCells(row), cell('changes', changesView(row))],
  },
  apply: {
    caption: 'How far the apply is with each guest',
    heads: ['State', 'Action', 'Guest', 'VMID', 'Step', 'Time'],
    cells: (row, options) => [
      stateCell(row),
      actionCell(row),
      ...guestCells(row),
      cell('step', stepView(row)),
      cell('spent', spentView(row, options)),
    ],
  },
  done: {
    caption: 'What was done to each guest',
    heads: ['Action', 'Guest', 'VMID', 'Result'],
    cells: (row) => [actionCell(row), ...guestCells(row), cell('result', literal(row.note ?? ''))],
  },
};

/**
 * A table with a row for each guest. Roles are written out, because a table that is laid out otherwise on a phone loses
 * them in some browsers.
 *
 * @param {GuestsBlock} block
 * @param {Options} options
 */
export function guestTable({ of, rows }, options) {
  const isShort = rows.length <= guestsAtOnce + 3;
  const isSeen = (/** @type {GuestRow} */ row, /** @type {number} */ index) =>
    isShort || index < guestsAtOnce || row.keep === true || row.state === 'running' || row.state === 'failed';
  const more = rows.filter((row, index) => !isSeen(row, index));
  return h(
    'div',
    { key: options.key, class: 'guests' },
    tableView(of, rows.filter(isSeen), options),
    more.length > 0 &&
      h('details', { key: 'more', class: 'more' }, h('summary', {}, moreWords(more)), tableView(of, more, options)),
  );
}

/**
 * @param {GuestsBlock['of']} of
 * @param {readonly GuestRow[]} rows
 * @param {Options} options
 */
function tableView(of, rows, options) {
  const { caption, heads, cells } = tables[of];
  return h(
    'table',
    { role: 'table', class: `of-${of}` },
    h('caption', { class: 'unseen' }, caption),
    h(
      'thead',
      { role: 'rowgroup' },
      h(
        'tr',
        { role: 'row' },
        heads.map((head) => h('th', { role: 'columnheader', scope: 'col', class: `head-${head.toLowerCase()}` }, head)),
      ),
    ),
    h(
      'tbody',
      { role: 'rowgroup' },
      rows.map((row) =>
        h(
          'tr',
          { role: 'row', key: keyOf(row), class: ['guest', kindOf(row), row.state].filter(Boolean).join(' ') },
          cells(row, options),
        ),
      ),
    ),
  );
}

/** @param {GuestRow} row */
function keyOf({ guest, action }) {
  return guest === undefined ? action : `${guest.vmid} ${guest.name} ${action}`;
}

const kinds = { '-': 'destroy', '-/+': 'replace', '~': 'update', '+': 'create', '!': 'blocked', ' ': '' };

/** @param {GuestRow} row */
function kindOf({ mark }) {
  return kinds[mark ?? ' '];
}

/**
 * @param {string} name
 * @param {...import('./tree.js').Child} children
 */
function cell(name, ...children) {
  return h('td', { role: 'cell', class: name }, children);
}

/** @param {GuestRow} row */
function actionCell({ mark, action }) {
  return cell(
    'action',
    // The verb says it in words, so screen readers skip the sign.
    mark !== undefined && h('span', { class: 'mark', 'aria-hidden': 'true' }, mark),
    h('span', { class: 'verb' }, literal(action)),
  );
}

/** @param {GuestRow} row */
function guestCells({ guest, image, step }) {
  return [
    h(
      'th',
      { role: 'rowheader', scope: 'row', class: 'name' },
      h('span', { class: 'guest-name' }, literal(guest?.name ?? step ?? '')),
      image !== undefined && h('span', { class: 'image' }, literal(image)),
    ),
    cell('vmid', guest === undefined ? '' : String(guest.vmid)),
  ];
}

const signs = { waiting: '·', running: '▸', done: '✓', failed: '✗' };

/** @param {GuestRow} row */
function stateCell({ state = 'waiting' }) {
  return cell(
    'state-of',
    h('span', { class: 'sign', 'aria-hidden': 'true' }, signs[state]),
    h('span', { class: 'word' }, state),
  );
}

/** @param {GuestRow} row */
function stepView({ guest, state, step = '', fraction }) {
  // The words of a build or an upload stand in place of a guest.
  const words = guest === undefined || state !== 'running' ? '' : step;
  return [
    words !== '' && h('span', { class: 'words' }, literal(words)),
    state === 'running' &&
      h('progress', {
        max: fraction === undefined ? undefined : '1',
        value: fraction === undefined ? undefined : Math.min(1, Math.max(0, fraction)),
        'aria-label': step,
      }),
  ];
}

/**
 * @param {GuestRow} row
 * @param {Options} options
 */
function spentView({ startedAt, note = '' }, { time, live }) {
  if (startedAt === undefined || live !== true) return literal(note);
  const datetime = new Date(startedAt).toISOString();
  return h('time', { datetime, 'data-show': 'elapsed' }, time(startedAt, 'elapsed'));
}

/** Characters of changes that stand in a row without being folded. */
const shortEnough = 240;
/** Characters of the changes that stand before the fold. */
const beforeFold = 160;

/** @param {GuestRow} row */
function changesView({ parts = [], advice, keep }) {
  const why = advice !== undefined && advice !== '' && h('p', { class: 'advice' }, adviceView(advice));
  if (parts.join(', ').length <= shortEnough) return [listView(parts), why];
  let room = beforeFold;
  const first = Math.max(
    1,
    parts.findIndex((part) => {
      room -= part.length;
      return room < 0;
    }),
  );
  const rest = parts.slice(first);
  if (rest.length === 0) return [listView(parts), why];
  return [
    listView(parts.slice(0, first)),
    h(
      'details',
      { class: 'rest-of', key: 'rest', open: keep === true },
      h('summary', {}, `${rest.length} more ${rest.length === 1 ? 'change' : 'changes'}`),
      listView(rest),
    ),
    why,
  ];
}

/**
 * An advice, with the commands and fields that stand between backticks as code.
 *
 * @param {string} advice
 */
function adviceView(advice) {
  return advice
    .split(/`([^`\n]+)`/)
    .map((part, index) => (index % 2 === 0 ? literal(part) : h('code', {}, literal(part))));
}

/** @param {readonly string[]} parts */
function listView(parts) {
  return (
    parts.length > 0 &&
    h(
      'ul',
      { role: 'list', class: 'parts' },
      parts.map((part) => h('li', {}, changeView(part))),
    )
  );
}

/**
 * A change whose arrow is not broken at the end of a line.
 *
 * @param {string} part
 */
function changeView(part) {
  return part
    .split(' -> ')
    .flatMap((side, index) =>
      index === 0 ? [literal(side)] : [' ', h('span', { class: 'arrow' }, '->'), ' ', literal(side)],
    );
}

/**
 * `31 more guests, all create`, in the words of the other chats.
 *
 * @param {readonly GuestRow[]} rows
 */
function moreWords(rows) {
  const [first] = rows;
  const words = `${rows.length} more ${rows.length === 1 ? 'guest' : 'guests'}`;
  return rows.every(({ action }) => action === first?.action) ? `${words}, all ${first?.action}` : words;
}
