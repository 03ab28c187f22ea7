import { guestTable } from './guest-table.js';
import { literal } from './text.js';
import { h } from './tree.js';

/**
 * A card in the channel, in an answer and in the gallery.
 *
 * @param {import('./card-view.d.ts').CardData} card
 * @param {import('./card-view.d.ts').ViewOptions} options
 */
export function cardView(card, options) {
  const { id, level } = options;
  const { state, rest } = splitTitle(card.title);
  // The console always shows the files, so the buttons that ask for them are left out.
  const buttons = card.buttons.filter(({ label }) => !card.files.some(({ title }) => title === label));
  /** @type {Record<string, number>} */
  const seen = {};
  return h(
    'article',
    { key: id, class: `card tone-${card.tone}`, id, 'aria-labelledby': `${id}-title`, tabindex: '-1' },
    h(
      `h${level}`,
      { class: 'title', id: `${id}-title` },
      titleView(card, options, [
        h('span', { class: 'state' }, literal(state)),
        rest !== '' && [h('span', { class: 'colon' }, ': '), h('span', { class: 'rest' }, literal(rest))],
      ]),
    ),
    card.blocks.map((block) => {
      const nth = (seen[block.kind] ?? 0) + 1;
      seen[block.kind] = nth;
      return blockView(block, { ...options, key: `${block.kind}-${nth}` });
    }),
    buttons.length > 0 && h('div', { class: 'buttons', key: 'buttons' }, buttons.map(buttonView)),
    card.files.length > 0 && h('div', { class: 'files', key: 'files' }, card.files.map(fileView)),
  );
}

/**
 * The title; in the console it leads to the page of the card's run.
 *
 * @param {import('./card-view.d.ts').CardData} card
 * @param {import('./card-view.d.ts').ViewOptions} options
 * @param {import('./tree.js').Child} words
 */
function titleView(card, { live }, words) {
  const run = live === true ? runOf(card) : undefined;
  return run === undefined ? words : h('a', { class: 'to-run', href: `/runs/${run}` }, words);
}

const runId = /^r-[0-9]{1,9}$/;

/**
 * The run that a card is about: the only one that it names in its small print or with a button.
 *
 * @param {import('./card-view.d.ts').CardData} card
 */
function runOf({ blocks, buttons }) {
  const named = blocks
    .flatMap((block) => (block.kind === 'small' ? block.rich : []))
    .flatMap((span) => (typeof span === 'object' && 'code' in span && runId.test(span.code) ? [span.code] : []));
  const runs = new Set([...named, ...buttons.map(({ id }) => id.split(':')[2] ?? '')]);
  return runs.size === 1 ? [...runs][0] : undefined;
}

/**
 * Splits a title at its first colon into state and rest: `Plan: destroy 1`. A title without a colon is all state.
 *
 * @param {string} title
 */
export function splitTitle(title) {
  const [, state, rest] = /^([^:]{1,40}): (.*)$/s.exec(title) ?? [];
  return state === undefined ? { state: title, rest: '' } : { state, rest: rest ?? '' };
}

/** @param {import('./card-view.d.ts').ButtonData} button */
function buttonView({ id, style, label, confirm }) {
  return h(
    'button',
    {
      type: 'button',
      key: id,
      class: style,
      'data-button': id,
      'data-confirm-title': confirm?.title,
      'data-confirm-text': confirm?.text,
      'data-confirm-yes': confirm?.yes,
    },
    literal(label),
  );
}

/** A longer block hides its other lines behind a control, except lines with `keep`. */
const linesAtOnce = 40;

const markNames = { '-': 'destroy', '-/+': 'replace', '~': 'update', '+': 'create', '!': 'blocked', ' ': 'further' };

/** @typedef {import('./card-view.d.ts').ViewOptions & { key: string }} BlockOptions */

/**
 * @param {import('../../../views/card.ts').Block} block
 * @param {BlockOptions} options
 */
function blockView(block, options) {
  const { key } = options;
  switch (block.kind) {
    case 'text':
    case 'small':
      return h('p', { key, class: block.kind }, richView(block.rich, options));
    case 'warning':
      return h(
        'p',
        { key, class: 'warning' },
        h('span', { class: 'sign', 'aria-hidden': 'true' }, '!'),
        h('span', { class: 'said' }, h('span', { class: 'unseen' }, 'Warning: '), richView(block.rich, options)),
      );
    case 'guests':
      return guestTable(block, options);
    case 'lines':
      return linesView(block.lines, key);
    case 'progress':
      return progressView(block, key);
    case 'divider':
      return h('hr', { key });
  }
}

/**
 * @param {readonly import('../../../views/card.ts').Line[]} lines
 * @param {string} key
 */
function linesView(lines, key) {
  const marked = lines.some((line) => line.mark !== undefined && line.mark !== ' ');
  const lastKept = lines.findLastIndex((line) => line.keep === true) + 1;
  const shown = lines.length <= linesAtOnce + 5 ? lines.length : Math.max(linesAtOnce, lastKept);
  let owner = '';
  const views = lines.map((line) => {
    const own = markNames[line.mark ?? ' '];
    // A line without a mark continues the line above.
    if (own !== 'further') owner = own;
    return lineView(line, marked, own === owner ? own : `${owner} ${own}`);
  });
  return h(
    'div',
    { key, class: marked ? 'lines marked' : 'lines' },
    views.slice(0, shown),
    shown < lines.length &&
      h(
        'details',
        { key: 'more', class: 'more' },
        h('summary', {}, `${lines.length - shown} more lines`),
        views.slice(shown),
      ),
  );
}

/**
 * @param {import('../../../views/card.ts').Line} line
 * @param {boolean} marked
 * @param {string} kind
 */
function lineView(line, marked, kind) {
  return h(
    'div',
    { class: marked ? `line ${kind}` : 'line' },
    // The line repeats the mark in words, so screen readers skip the mark.
    marked && h('span', { class: 'mark', 'aria-hidden': 'true' }, (line.mark ?? ' ').padEnd(4)),
    h('span', { class: 'words' }, line.text === '' ? '\u00a0' : literal(line.text)),
  );
}

/**
 * @param {Extract<import('../../../views/card.ts').Block, { kind: 'progress' }>} block
 * @param {string} key
 */
function progressView(block, key) {
  const fraction = block.fraction === undefined ? undefined : Math.min(1, Math.max(0, block.fraction));
  return h(
    'div',
    { key, class: 'progress' },
    h('span', { class: 'label' }, literal(block.label)),
    h('progress', {
      max: fraction === undefined ? undefined : '1',
      value: fraction,
      'aria-label': block.label,
      'aria-valuetext': block.text,
    }),
    h('span', { class: 'amount' }, literal(block.text)),
  );
}

/**
 * @param {import('../../../views/card.ts').Rich} rich
 * @param {Pick<import('./card-view.d.ts').ViewOptions, 'time' | 'live'>} options
 */
export function richView(rich, options) {
  return rich.map((span) => spanView(span, options));
}

/**
 * @param {import('../../../views/card.ts').Span} span
 * @param {Pick<import('./card-view.d.ts').ViewOptions, 'time' | 'live'>} options
 */
function spanView(span, { time, live }) {
  if (typeof span === 'string') return literal(span);
  if ('bold' in span) return h('strong', {}, literal(span.bold));
  if ('code' in span) {
    const code = h('code', {}, literal(span.code));
    return live === true && runId.test(span.code) ? h('a', { href: `/runs/${span.code}` }, code) : code;
  }
  if ('link' in span) return linkView(span);
  if ('time' in span) return timeView(span.time, span.show, time);
  return h('span', { class: 'person' }, literal(span.person.name));
}

/**
 * @param {number} at
 * @param {import('./card-view.d.ts').TimeStyle} show
 * @param {import('./card-view.d.ts').FormatTime} time
 */
export function timeView(at, show, time) {
  const datetime = new Date(at).toISOString();
  return h('time', { datetime, 'data-show': show, title: time(at, 'date-time') }, time(at, show));
}

/** @param {{ link: string, text: string }} span */
function linkView({ link, text }) {
  // Only web addresses become links; a `javascript:` or `file:` address stays text.
  const url = URL.canParse(link) ? new URL(link) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return h('span', {}, literal(text));
  return h('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer' }, literal(text));
}

/**
 * A file behind its title: with its text, or with an empty place that files.js fills when the reader opens it.
 *
 * @param {import('./card-view.d.ts').FileData} file
 */
function fileView(file) {
  const inside = 'text' in file;
  return h(
    'details',
    { key: `file-${file.name}`, class: 'file', 'data-url': inside ? undefined : file.url, 'data-bytes': sizeOf(file) },
    h(
      'summary',
      {},
      h('span', { class: 'file-title' }, literal(file.title)),
      h('span', { class: 'file-name' }, literal(file.name), ' · ', formatBytes(sizeOf(file))),
    ),
    inside
      ? h('div', { key: 'body', class: 'file-body' }, h('pre', { tabindex: '0' }, literal(file.text)))
      : h('div', { key: 'body', class: 'file-body', keep: true }),
  );
}

/** @param {import('./card-view.d.ts').FileData} file */
function sizeOf(file) {
  return 'text' in file ? new TextEncoder().encode(file.text).length : file.bytes;
}

/** @param {number} bytes */
function formatBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
