import { get, Problem } from './api.js';
import { showAll, showOne } from './channel.js';
import { announce, element } from './dom.js';
import { showFleets } from './fleet-page.js';
import { changed, showRun } from './run-page.js';
import { view } from './view.js';

const sign = element('connection', HTMLElement);
const words = { live: 'Live', waiting: 'Connecting…', lost: 'Reconnecting…' };

/** What the page does with the channel's events. */
const follow = {
  channel: { all: showAll, one: showOne },
  fleet: { all: () => undefined, one: () => undefined },
  run: { all: () => void showRun(), one: changed },
}[view];

/** @type {EventSource | undefined} */
let source;

/** A cluster is read only while somebody looks: a page of the fleets that is hidden does not follow. */
export function watchLooking() {
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) source?.close();
    else connect();
  });
}

/** Follows the bot. The browser reconnects by itself after a broken connection, and this code after a refusal (a starting bot). */
export function connect() {
  source?.close();
  source = new EventSource(view === 'fleet' ? '/api/events?fleet' : '/api/events');
  source.addEventListener('open', () => say('live'));
  source.addEventListener('snapshot', (event) => follow.all(JSON.parse(event.data).messages));
  source.addEventListener('message', (event) => follow.one(JSON.parse(event.data).message));
  source.addEventListener('fleet', (event) => showFleets(JSON.parse(event.data)));
  source.addEventListener('error', () => {
    say('lost');
    if (source?.readyState !== EventSource.CLOSED) return;
    setTimeout(() => void reconnect(), 1000);
  });
}

async function reconnect() {
  try {
    await get('/api/session');
  } catch (error) {
    // If the session has ended, api.js opens the log-in.
    if (error instanceof Problem && error.status === 401) return;
  }
  connect();
}

/** @param {keyof typeof words} state */
function say(state) {
  const before = sign.dataset['state'];
  if (before === state) return;
  sign.dataset['state'] = state;
  sign.textContent = words[state];
  if (before === 'lost' && state === 'live') announce('Connected again');
  if (state === 'lost') announce('Connection lost, reconnecting');
}
