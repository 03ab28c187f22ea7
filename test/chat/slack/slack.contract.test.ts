import pino from 'pino';
import type { Answer } from '../../../src/chat/chat.ts';
import { SlackChat } from '../../../src/chat/slack/slack.ts';
import type { Button } from '../../../src/views/card.ts';
import { type AskerSees, type ChatHarness, chatContract } from '../../contracts/chat.ts';
import { alice } from '../../support/slack/cards.ts';
import { list } from '../../support/slack/limits.ts';
import { Member } from '../../support/slack/member.ts';
import { appToken, botToken, eventually, startSlack } from '../../support/slack/slack-server.ts';
import type { Ack } from '../../support/slack/sockets.ts';
import { buttonLabels, wordsOf } from '../../support/slack/words.ts';

async function openSlack(): Promise<ChatHarness> {
  const slack = await startSlack();
  const member = new Member(slack, alice.id);
  const { state } = slack;

  const answers: Answer['kind'][] = [];

  /** What the asker got to see: a whisper, a modal, a mistake beside a field, or nothing. */
  async function asked(act: () => Promise<{ readonly ack: Promise<Ack> | undefined }>): Promise<AskerSees> {
    const before = answers.length;
    const ack = await (await act()).ack;
    const [field, text] = Object.entries(list([ack?.payload['errors']])[0] ?? {})[0] ?? [];
    if (field !== undefined) return { kind: 'invalid', field, text: String(text) };
    const kind = await eventually(() => answers[before]);
    if (kind === 'none') return { kind, text: '' };
    if (kind !== 'form') return { kind, text: wordsOf(state.whispers.at(-1)?.blocks ?? []) };
    const view = state.views.at(-1);
    return { kind, text: [view?.title.text, wordsOf(view?.blocks ?? [])].join('\n') };
  }

  return {
    make: async () =>
      new SlackChat({
        botToken,
        appToken,
        mode: 'socket',
        channelIds: { homelab: 'C0DEPLOY01' },
        workspace: state.team,
        groups: [],
        log: pino({ level: 'debug' }, { write: (line: string) => noteAnswer(line, answers) }),
        apiUrl: slack.apiUrl,
        stagger: 0,
      }),
    shown: async () =>
      state.messages.flatMap((message) =>
        message.thread_ts === undefined
          ? [
              {
                text: wordsOf(message.blocks),
                buttons: buttonLabels(message.blocks),
                replies: state.messages
                  .filter(({ thread_ts }) => thread_ts === message.ts)
                  .map(({ blocks }) => wordsOf(blocks)),
              },
            ]
          : [],
      ),
    press: async (button: Button) => {
      const message = state.messages.find(({ blocks }) => buttonLabels(blocks).includes(button.label));
      if (message === undefined) throw new Error(`nobody sees a button ${button.label}`);
      return await asked(() => member.press(message, `px1:${button.action}`));
    },
    command: (text) => asked(() => member.type(text.replace('/proxnix ', ''))),
    submit: async (form, values) => {
      const view = state.views.findLast(({ private_metadata }) => private_metadata.startsWith(form.id));
      if (view === undefined) throw new Error(`nobody sees a form ${form.id}`);
      return await asked(() => member.submit(view, values));
    },
    down: async (isDown) => {
      if (isDown) return await slack.down();
      await slack.up();
    },
    lose: async (ref) => {
      state.messages.length = 0;
      return ref;
    },
    limitEdit: (seconds) =>
      slack.mishap('chat.update', seconds === undefined ? { status: 429 } : { retryAfter: seconds }),
    age: () => {
      for (const { ts } of state.messages) state.old.add(ts);
    },
    files: () => state.files.map(({ name }) => name),
    person: alice,
    place: { workspace: state.team, channel: 'C0DEPLOY01' },
    close: () => slack.stop(),
  };
}

/** The adapter says in its log when it has answered: Slack itself shows nothing for "none". */
function noteAnswer(line: string, answers: Answer['kind'][]): void {
  const { msg, kind }: { msg?: string; kind?: Answer['kind'] } = JSON.parse(line);
  if (msg === 'answered somebody' && kind !== undefined) answers.push(kind);
}

chatContract('Slack', openSlack);
