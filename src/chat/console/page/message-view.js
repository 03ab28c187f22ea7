import { cardView, timeView } from './card-view.js';
import { literal } from './text.js';
import { formatTime } from './time.js';
import { h } from './tree.js';

/** Older replies are hidden behind a line that counts them. */
const repliesAtOnce = 3;

/**
 * A message of the channel: its time and fleet, its card, its thread.
 *
 * @param {import('../message-store.ts').WireMessage} message
 */
export function messageView(message) {
  const { id, fleet, at, changedAt, card, replies } = message;
  const older = replies.slice(0, -repliesAtOnce);
  return h(
    'li',
    { key: id, class: 'message' },
    h(
      'p',
      { class: 'meta' },
      h('span', { class: 'fleet' }, literal(fleet)),
      timeView(at, 'time', formatTime),
      changedAt - at >= 60_000 && h('span', {}, 'updated ', timeView(changedAt, 'relative', formatTime)),
    ),
    cardView(card, { id: `m-${id}`, level: 2, time: formatTime, live: true }),
    replies.length > 0 &&
      h(
        'ol',
        { key: 'replies', class: 'replies', 'aria-label': 'Thread' },
        older.length > 0 &&
          h(
            'li',
            { key: 'older' },
            h(
              'details',
              { class: 'older' },
              h('summary', {}, older.length === 1 ? '1 earlier reply' : `${older.length} earlier replies`),
              h('ol', {}, older.map(replyView)),
            ),
          ),
        replies.slice(-repliesAtOnce).map(replyView),
      ),
  );
}

/** @param {import('../message-store.ts').WireMessage['replies'][number]} reply */
function replyView(reply) {
  return h(
    'li',
    { key: reply.id, class: 'reply' },
    h('p', { class: 'meta' }, timeView(reply.at, 'time', formatTime)),
    cardView(reply.card, { id: `m-${reply.id}`, level: 3, time: formatTime, live: true }),
  );
}
