import { watchNotes } from './answers.js';
import { get } from './api.js';
import { watchReading } from './channel.js';
import { setCommands, watchCommandLine } from './command-line.js';
import { connect, watchLooking } from './connection.js';
import { element, keepEnd, watchDialogs } from './dom.js';
import { openFiles } from './files.js';
import { setHelp, watchHelp } from './help.js';
import { watchButtons } from './press.js';
import { refreshTimes } from './time.js';
import { showView, view } from './view.js';

showView();
if (view === 'channel') watchReading();
watchNotes();
watchCommandLine();
openFiles(document.body);
refreshTimes();
if (view === 'channel') keepEnd();
connect();
if (view === 'fleet') watchLooking();
watchButtons();
watchDialogs();
watchHelp();
void meet();

/** Loads the person and the commands; tries again while the bot starts. */
async function meet() {
  try {
    const [session, commands] = await Promise.all([get('/api/session'), get('/api/commands')]);
    element('channel-name', HTMLElement).textContent = session.channel;
    setCommands(commands);
    setHelp(commands);
  } catch {
    setTimeout(() => void meet(), 2000);
  }
}
