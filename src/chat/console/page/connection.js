import { get, Problem } from './api.js';
import { showAll, showOne } from './channel.js';
import { announce, element } from './dom.js';

const sign = element('connection', HTMLElement);
const words = { live: 'Live', waiting: 'Connecting…', lost: 'Reconnecting…' };

/** Follows the channel. The browser reconnects by itself after a broken connection, and this code after a refusal (a starting bot). */
export function connect() {
  const source = new EventSource('/api/events');
  source.addEventListener('open', () => say('live'));
  source.addEventListener('snapshot', (event) => showAll(JSON.parse(event.data).messages));
  source.addEventListener('message', (event) => showOne(JSON.parse(event.data).message));
  source.addEventListener('error', () => {
    say('lost');
    if (source.readyState !== EventSource.CLOSED) return;
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
