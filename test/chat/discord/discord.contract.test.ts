import { vi } from 'vitest';
import { z } from 'zod';
import type { MessageRef } from '../../../src/chat/chat.ts';
import { type Button, buttonId } from '../../../src/views/card.ts';
import { type AskerSees, type ChatHarness, chatContract } from '../../contracts/chat.ts';
import { aDiscordChat, MemoryState } from '../../support/discord/bench.ts';
import { FakeDiscord } from '../../support/discord/fake-discord.ts';
import { buttonsOf, type FakeInteraction, pick, saidTo, textOf } from '../../support/discord/fake-interaction.ts';
import { ids } from '../../support/discord/ids.ts';
import { wordsOf } from '../../support/discord/reader.ts';

chatContract('Discord', async (): Promise<ChatHarness> => {
  const discord = await FakeDiscord.start();
  const state = new MemoryState();
  return {
    make: () => Promise.resolve(aDiscordChat(discord, { state, channelIds: { homelab: ids.channel } })),
    shown: () =>
      Promise.resolve(
        discord.messagesIn(ids.channel).map((message) => ({
          text: wordsOf([...pick(message.body, 'content')].join('\n')),
          buttons: [...pick(message.body, 'label')],
          replies: discord.messagesIn(message.id).map((reply) => wordsOf(textOf(reply.body))),
        })),
      ),
    press: (button: Button) => seenBy(discord, discord.press(buttonId(button))),
    command: (text) => seenBy(discord, discord.command(...typed(discord, text))),
    complete: async (command, option, typing, args) => {
      const asked = discord.complete(command, option, typing, {}, args);
      await vi.waitFor(() => {
        if (asked.first === undefined) throw new Error('no suggestions yet');
      });
      return z
        .object({ choices: z.array(z.object({ value: z.string() })) })
        .parse(asked.first?.data)
        .choices.map(({ value }) => value);
    },
    submit: (form, values) => seenBy(discord, discord.submit(form.id, values)),
    down: (isDown) => {
      discord.down = isDown;
      return Promise.resolve();
    },
    lose: (ref: MessageRef) => {
      for (const message of discord.world.messages) if (ref.discord?.endsWith(message.id)) message.deleted = true;
      return Promise.resolve(ref);
    },
    limitEdit: (seconds) => {
      const named = seconds === undefined ? {} : { retryAfter: seconds };
      discord.limits.refuse('PATCH /channels/:id/messages/:id', { ...named, times: 1 });
    },
    age: () => {
      for (const { id } of discord.messagesIn(ids.channel)) discord.world.old.add(id);
    },
    files: () => discord.world.messages.flatMap((message) => [...message.files.keys()]),
    person: { chat: 'discord', id: ids.rowan, name: 'Rowan' },
    place: { workspace: ids.guild, channel: ids.channel },
    close: () => discord.stop(),
  };
});

const Registered = z.array(
  z.object({ options: z.array(z.object({ name: z.string(), options: z.array(z.object({ name: z.string() })) })) }),
);

/** What Discord makes of a typed command: options by name, the last takes the rest of the line. */
function typed(discord: FakeDiscord, text: string): [string, Record<string, string>] {
  const [, name = '', ...words] = text.split(' ');
  const [command] = Registered.parse(discord.world.commands);
  const options = command?.options.find((option) => option.name === name)?.options ?? [];
  const args = options.map((option, index): [string, string] => [
    option.name,
    index === options.length - 1 ? words.slice(index).join(' ') : (words[index] ?? ''),
  ]);
  return [name, Object.fromEntries(args.filter(([, value]) => value !== ''))];
}

/** Waits until the asker has the whole answer, and tells what it is by the way Discord shows it. */
async function seenBy(discord: FakeDiscord, interaction: FakeInteraction): Promise<AskerSees> {
  await vi.waitFor(() => {
    if (interaction.first === undefined) throw new Error('no answer yet');
    const waiting = interaction.first.type === 5 && interaction.original === undefined && !interaction.dropped;
    if (waiting) throw new Error('still thinking');
  });
  // a press or form that was taken may still get words: the next interaction is answered after them
  await settled(discord);
  const text = wordsOf(saidTo(interaction));
  if (interaction.first?.type === 9) return { kind: 'form', text };
  const bodies = [interaction.first?.data, interaction.original, ...interaction.followUps.map(({ body }) => body)];
  if (bodies.some((body) => (Number(body?.['flags']) & 32_768) !== 0)) return { kind: 'card', text };
  const [opens] = buttonsOf(interaction);
  if (opens !== undefined) return { kind: 'invalid', text, field: await fieldBehind(discord, opens, text) };
  return { kind: text === '' ? 'none' : 'note', text };
}

/** The field that the offered form's note begins with. */
async function fieldBehind(discord: FakeDiscord, opens: string, said: string): Promise<string> {
  const opened = discord.press(opens);
  await vi.waitFor(() => {
    if (opened.first?.type !== 9) throw new Error('the form did not open');
  });
  const fields = Object.values(opened.first?.data['components'] ?? {}) as { label?: string; component?: object }[];
  const field = fields.find(({ label }) => label !== undefined && said.startsWith(`${label}: `));
  return [...pick(field?.component, 'custom_id')][0] ?? '';
}

/** Presses something forged, each time after the answer to the last, until nothing else was asked in between. */
async function settled(discord: FakeDiscord): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet++) {
    const before = discord.requests.length;
    const probe = discord.press('px1:none');
    await vi.waitFor(() => {
      if (probe.first === undefined) throw new Error('not settled');
    });
    if (discord.requests.length > before + 1) quiet = 0;
  }
}
