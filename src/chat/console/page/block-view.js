import { richView } from './rich-view.js';
import { literal } from './text.js';
import { h } from './tree.js';

/** A block of more lines than this shows the rest on request; lines that must be seen are never behind it. */
const linesAtOnce = 40;

const markNames = { '-': 'destroy', '-/+': 'replace', '~': 'update', '+': 'create', '!': 'blocked', ' ': 'further' };

/**
 * @param {import('../../../views/card.ts').Block} block
 * @param {{ key: string, time: import('./card-view.d.ts').FormatTime }} options
 */
export function blockView(block, { key, time }) {
  switch (block.kind) {
    case 'text':
    case 'small':
      return h('p', { key, class: block.kind }, richView(block.rich, time));
    case 'warning':
      return h(
        'p',
        { key, class: 'warning' },
        h('span', { class: 'sign', 'aria-hidden': 'true' }, '!'),
        h('span', { class: 'said' }, h('span', { class: 'unseen' }, 'Warning: '), richView(block.rich, time)),
      );
    case 'lines':
      return linesView(block.lines, key);
    case 'progress':
      return progressView(block, key);
    case 'divider':
      return h('hr', { key });
    default:
      return h('p', { key }, '');
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
    // A line without a mark goes on with what the one above began.
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
    // The words of the line say what the mark says, so only eyes need it.
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
