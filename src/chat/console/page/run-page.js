import { get, Problem } from './api.js';
import { cardView, timeView } from './card-view.js';
import { element, patch } from './dom.js';
import { refreshFiles } from './files.js';
import { literal } from './text.js';
import { formatTime } from './time.js';
import { h } from './tree.js';

/** @typedef {{ id: string, fleet: string, message?: string, times: readonly import('../../../views/overview.ts').RunTime[],
 *   card: import('../message-store.ts').WireCard, replies: import('../message-store.ts').WireMessage['replies'] }} Run */

const place = element('page', HTMLElement);
const id = location.pathname.slice('/runs/'.length);
/** The message that shows the run. @type {string | undefined} */
let shownIn;
let isLoading = false;
let isStale = false;

/** Shows the run of the address; a run that is asked for again meanwhile is loaded once more at the end. */
export async function showRun() {
  isStale = true;
  if (isLoading) return;
  isLoading = true;
  while (isStale) {
    isStale = false;
    await load();
  }
  isLoading = false;
}

/**
 * A message of the channel changed: is it the one of this run?
 *
 * @param {{ id: string }} message
 */
export function changed(message) {
  if (message.id === shownIn) void showRun();
}

async function load() {
  try {
    /** @type {Run} */
    const run = await get(`/api/runs/${id}`);
    shownIn = run.message;
    document.title = `${run.id}: ${run.card.title} - proxnix`;
    patch(place, runView(run));
    refreshFiles(place);
  } catch (error) {
    if (error instanceof Problem && error.status === 0) return;
    patch(place, [
      h('h2', { key: 'head' }, `Run ${id}`),
      h('p', { key: 'why' }, error instanceof Error ? error.message : ''),
      h('p', { key: 'back' }, h('a', { href: '/' }, 'Go to the channel')),
    ]);
  }
}

/** @param {Run} run */
function runView({ id: run, fleet, times, card, replies }) {
  return [
    h('h2', { key: 'head' }, `Run ${run}`, ' ', h('span', { class: 'branch' }, literal(fleet))),
    h(
      'ol',
      { key: 'times', class: 'times', role: 'list', 'aria-label': 'Times' },
      times.map(({ what, at }) =>
        h('li', {}, h('span', {}, literal(what)), ' ', timeView(at, 'date-time', formatTime)),
      ),
    ),
    cardView(card, { id: 'run-card', level: 3, time: formatTime, live: true }),
    replies.length > 0 && h('h3', { key: 'thread-head' }, 'Thread'),
    replies.length > 0 &&
      h(
        'ol',
        { key: 'thread', class: 'replies', role: 'list', 'aria-label': 'Thread' },
        replies.map((reply) =>
          h(
            'li',
            { key: reply.id, class: 'reply' },
            h('p', { class: 'meta' }, timeView(reply.at, 'date-time', formatTime)),
            cardView(reply.card, { id: `m-${reply.id}`, level: 4, time: formatTime, live: true }),
          ),
        ),
      ),
  ].flatMap((one) => one || []);
}
