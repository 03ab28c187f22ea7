import { vi } from 'vitest';
import type { FakeDiscord } from '../../support/discord/fake-discord.ts';
import { buttonsOf, type FakeInteraction, pick, saidTo, textOf } from '../../support/discord/fake-interaction.ts';
import { ids } from '../../support/discord/ids.ts';
import { type FakePlace, type FakeUser, inChannel, rowan } from '../../support/discord/payloads.ts';
import { wordsOf } from '../../support/discord/reader.ts';
import type { FakeMessage } from '../../support/discord/world.ts';
import type { Asked, OpenForm, Seat, SeenCard, Who } from './seat.ts';
import type { Wire } from './wire.ts';

const people: Readonly<Record<Who, { readonly user: FakeUser; readonly place: FakePlace }>> = {
  approver: { user: rowan, place: inChannel },
  second: { user: { id: '500000000000000002', username: 'sasha', roles: [ids.deployers] }, place: inChannel },
  stranger: { user: { id: '500000000000000003', username: 'rowan', nick: 'Rowan', roles: [] }, place: inChannel },
  elsewhere: { user: rowan, place: { ...inChannel, channel: ids.secondChannel } },
};

/** Somebody in the local Discord. */
export function discordSeat(discord: FakeDiscord, wire: Wire): Seat {
  return {
    chat: 'discord',
    cards: () => discord.messagesIn(ids.channel).map((message) => seen(discord, message)),
    press: async (_, id, who = 'approver') => asked(discord.press(id, people[who])),
    type: async (name, args = {}, who = 'approver') => asked(discord.command(name, args, people[who])),
    fill: async (form, values, who = 'approver') => asked(discord.submit(form.id, values, people[who])),
    async again(before) {
      const opener = openerOf(before);
      if (opener === undefined) throw new Error('no button opens the form again');
      const opening = discord.press(opener);
      return vi.waitFor(() => {
        const form = formOf(opening);
        if (form === undefined) throw new Error('the form did not open');
        return form;
      });
    },
    edits: () => editsIn(wire),
  };
}

function seen(discord: FakeDiscord, { id, body, files }: FakeMessage): SeenCard {
  const words = wordsOf([...pick(body, 'content')].join('\n'));
  const replies = discord.messagesIn(id);
  return {
    id,
    words,
    title: words.split('\n', 1)[0] ?? '',
    buttons: [...buttonsIn(body)],
    replies: replies.map((reply) => wordsOf(textOf(reply.body))),
    files: [files, ...replies.map((reply) => reply.files)].flatMap((some) =>
      Array.from(some, ([name, text]) => ({ name, text })),
    ),
  };
}

function* buttonsIn(value: unknown): Generator<{ readonly label: string; readonly id: string }> {
  if (typeof value !== 'object' || value === null) return;
  if ('custom_id' in value && 'label' in value) yield { label: String(value.label), id: String(value.custom_id) };
  for (const inner of Object.values(value)) yield* buttonsIn(inner);
}

const interactions = new WeakMap<Asked, FakeInteraction>();

function asked(interaction: FakeInteraction): Asked {
  const answer: Asked = {
    words: () => wordsOf(saidTo(interaction)),
    form: () => formOf(interaction),
    isWaiting: () =>
      interaction.first === undefined ||
      (interaction.first.type === 5 && interaction.original === undefined && !interaction.dropped),
  };
  interactions.set(answer, interaction);
  return answer;
}

function openerOf(answer: Asked): string | undefined {
  const interaction = interactions.get(answer);
  return interaction === undefined ? undefined : buttonsOf(interaction).find((id) => id.startsWith('px1:open:'));
}

function formOf({ first }: FakeInteraction): OpenForm | undefined {
  if (first?.type !== 9) return undefined;
  const { data } = first;
  return {
    id: String(data['custom_id']),
    title: String(data['title']),
    words: wordsOf([...pick(data, 'content'), textOf(data)].join('\n')),
    fields: Object.fromEntries(fieldsIn(data)),
  };
}

function* fieldsIn(value: unknown): Generator<[string, string]> {
  if (typeof value !== 'object' || value === null) return;
  if ('type' in value && value.type === 4 && 'custom_id' in value) {
    yield [String(value.custom_id), 'value' in value ? String(value.value) : ''];
  }
  for (const inner of Object.values(value)) yield* fieldsIn(inner);
}

function editsIn(wire: Wire): ReadonlyMap<string, readonly number[]> {
  const edits = new Map<string, number[]>();
  for (const { at, method, path } of wire.sent) {
    const [, message] = /\/channels\/\d+\/messages\/(\d+)$/.exec(path) ?? [];
    if (method === 'PATCH' && message !== undefined) edits.set(message, [...(edits.get(message) ?? []), at]);
  }
  return edits;
}
