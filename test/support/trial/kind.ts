import { z } from 'zod';
import { type ChatKind, drawing } from '../../../src/chat/kind.ts';
import * as is from '../../../src/config/setting.ts';
import { setting } from '../../../src/config/setting.ts';
import { findingsOf } from '../../../src/core/finding.ts';
import { plainText } from '../../../src/views/card.ts';
import { FakeChat } from '../../fakes/chat.ts';

const settings = z.object({
  TRIAL_TOKEN: setting(is.token(/^trial_[a-z0-9]{16,}$/, 'expected a token, trial_…').optional(), {
    about: 'Token of the trial, also as TRIAL_TOKEN_FILE with the path of a file.',
    example: 'trial_0123456789abcdef',
    isSecret: true,
  }),
  TRIAL_ROOM: setting(is.text(/^room-[0-9]+$/, 'expected a room, room-…').optional(), {
    about: 'Room for plans.',
    example: 'room-7',
    inFile: { of: 'fleet', key: 'trialRoom' },
  }),
});

/** A fourth chat, as somebody would add one: this folder and one line in a list. It shows its cards in memory. */
export const trial: ChatKind = {
  name: 'trial',
  title: 'Trial',
  ids: {
    person: { prefix: 'trial:user:', id: '[a-z]{2,20}', sample: '…' },
    group: { prefix: 'trial:crew:', id: '[a-z]{2,20}', sample: '…' },
  },
  tokens: [/\btrial_[a-z0-9]{16,}/g],
  section: 'Trial',
  settings,
  channel: 'TRIAL_ROOM',
  read({ values, need, isWanted }) {
    const { TRIAL_TOKEN } = values(settings);
    if (!isWanted) return undefined;
    const token = need('TRIAL_TOKEN', TRIAL_TOKEN, 'for the trial: its token');
    if (token === undefined) return undefined;
    return {
      name: 'trial',
      place: (channel) => (channel === undefined ? undefined : { workspace: 'trial', channel }),
      make: ({ channels }) => {
        const [channel = ''] = Object.values(channels);
        const person = { chat: 'trial', id: 'ada', name: 'Ada', groups: ['deployers'] };
        const chat = new FakeChat({ name: 'trial', person, place: { workspace: 'trial', channel } });
        return Promise.resolve({ chat, editEveryMs: 0 });
      },
      examine: ({ channels, ids }) => {
        const { ok, fail } = findingsOf('Trial');
        const known = token.reveal().endsWith('f') ? ok('the token is accepted') : fail('the token is refused');
        const rooms = Object.values(channels).map((room) => ok(`${room} is there`));
        return Promise.resolve({ findings: [known, ...rooms, ok(`knows ${ids.join(', ')}`)], clock: [] });
      },
    };
  },
  init: {
    questions: [
      {
        name: 'trialRoom',
        text: 'Room of the trial',
        value: 'room',
        about: 'Room of the trial',
        schema: is.text(/^room-[0-9]+$/, 'expected a room'),
      },
    ],
    env: ({ own }) => ['# Trial.', 'TRIAL_TOKEN=', `TRIAL_ROOM=${own['trialRoom'] ?? ''}`],
    findIds: 'Trial: ask Ada',
    steps: ({ file }) => [{ text: `Trial: read ${file('trial.txt')}, and copy the token into TRIAL_TOKEN.` }],
    where: () => 'your room',
    files: () => [{ name: 'trial.txt', text: 'a trial\n', about: 'how the trial is used' }],
  },
  draw: ({ cards, forms }) =>
    Promise.resolve([
      ...Object.entries(cards).map(([name, { title }]) => drawing(name, 'trial.card', { title })),
      ...Object.entries(forms).map(([name, { text }]) => drawing(name, 'trial.form', plainText(text))),
    ]),
};
