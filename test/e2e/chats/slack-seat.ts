import { asJson, asText, list } from '../../support/slack/limits.ts';
import { type Delivered, Member } from '../../support/slack/member.ts';
import type { SlackServer } from '../../support/slack/slack-server.ts';
import type { Json, Posted, View } from '../../support/slack/state.ts';
import type { Asked, OpenForm, Seat, SeenCard, Who } from './seat.ts';
import { wordsOf } from './slack-words.ts';
import type { Wire } from './wire.ts';

export const slackChannel = 'C0DEPLOY01';
const otherChannel = 'C0OTHER001';

/** Somebody in the local Slack. */
export function slackSeat(slack: SlackServer, wire: Wire): Seat {
  const { state } = slack;
  state.channels.set(otherChannel, true);
  state.people.set('U0CLEO0001', { id: 'U0CLEO0001', name: 'cleo', team_id: state.team });
  state.groups.set('S0DEPLOY01', ['U0ALICE001', 'U0CLEO0001']);
  const people: Readonly<Record<Who, Member>> = {
    approver: new Member(slack, 'U0ALICE001'),
    second: new Member(slack, 'U0CLEO0001'),
    stranger: new Member(slack, 'U0BOB00001'),
    elsewhere: new Member(slack, 'U0ALICE001', { channel: otherChannel }),
  };
  const asking = (who: Who, act: (member: Member) => Promise<Delivered>) => ask(slack, people[who], act);
  return {
    chat: 'slack',
    cards: () => cardsIn(slack).map((message) => seen(slack, message)),
    press: (card, id, who = 'approver') =>
      asking(who, (member) => {
        const [prefix, action, ...ids] = id.split(':');
        const channel = who === 'elsewhere' ? otherChannel : slackChannel;
        const message = { channel, ts: card.id, thread_ts: undefined };
        return member.pressRaw(message, { action_id: `${prefix}:${action}`, value: ids.join(':') });
      }),
    type: (name, args = {}, who = 'approver') =>
      asking(who, (member) => member.type([name, ...Object.values(args)].join(' '))),
    fill: (form, values, who = 'approver') => asking(who, (member) => member.submit(viewOf(slack, form), values)),
    again: async (_, form) => form,
    edits: () => editsIn(wire),
  };
}

async function ask(slack: SlackServer, member: Member, act: (member: Member) => Promise<Delivered>): Promise<Asked> {
  const { state } = slack;
  const before = { whispers: state.whispers.length, views: state.views.length };
  let acknowledged: Json | undefined;
  const { ack } = await act(member);
  if (ack === undefined) throw new Error('no socket took it: Slack shows an error');
  void ack.then(({ payload }) => {
    acknowledged = payload ?? {};
  });
  const whispers = () => state.whispers.slice(before.whispers).filter(({ user }) => user === member.id);
  return {
    words: () =>
      [
        ...whispers().map(({ blocks, text }) => `${wordsOf(blocks)}\n${text}`),
        ...Object.values(asJson(acknowledged?.['errors']) ?? {}).map(asText),
      ].join('\n'),
    form: () => {
      const view = state.views.slice(before.views).at(-1);
      return view === undefined ? undefined : formOf(view);
    },
    isWaiting: () => acknowledged === undefined,
  };
}

function cardsIn({ state }: SlackServer): readonly Posted[] {
  return state.messages.filter(({ channel, thread_ts }) => channel === slackChannel && thread_ts === undefined);
}

function seen({ state }: SlackServer, { ts, blocks }: Posted): SeenCard {
  const words = wordsOf(blocks);
  return {
    id: ts,
    words,
    title: words.split('\n', 1)[0] ?? '',
    buttons: blocks.flatMap((block) => (block['type'] === 'actions' ? list(block['elements']).map(buttonOf) : [])),
    replies: state.messages.filter(({ thread_ts }) => thread_ts === ts).map((reply) => wordsOf(reply.blocks)),
    files: state.files.filter(({ thread_ts }) => thread_ts === ts).map(({ name, text }) => ({ name, text })),
  };
}

function buttonOf(button: Json): { readonly label: string; readonly id: string } {
  const label = asText(asJson(button['text'])?.['text']);
  return { label, id: `${asText(button['action_id'])}:${asText(button['value'])}` };
}

function formOf({ id, title, blocks }: View): OpenForm {
  const inputs = blocks.filter(({ type }) => type === 'input').map(({ block_id }) => [asText(block_id), '']);
  return { id, title: title.text, words: wordsOf(blocks), fields: Object.fromEntries(inputs) };
}

function viewOf({ state }: SlackServer, form: OpenForm): View {
  const view = state.views.find(({ id }) => id === form.id);
  if (view === undefined) throw new Error('no such form was opened');
  return view;
}

function editsIn(wire: Wire): ReadonlyMap<string, readonly number[]> {
  const edits = new Map<string, number[]>();
  for (const { at, path, body } of wire.sent) {
    const ts = new URLSearchParams(body).get('ts');
    if (path === '/api/chat.update' && ts !== null) edits.set(ts, [...(edits.get(ts) ?? []), at]);
  }
  return edits;
}
