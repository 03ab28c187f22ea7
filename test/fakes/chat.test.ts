import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/chat/chat.ts';
import { type Block, type Card, plainText } from '../../src/views/card.ts';
import { type AskerSees, chatContract } from '../contracts/chat.ts';
import { FakeChat, type FakeMessage } from './chat.ts';

chatContract('the fake', () => {
  const messages: FakeMessage[] = [];
  let chat = new FakeChat({ messages });
  return Promise.resolve({
    make: () => {
      chat = new FakeChat({ messages });
      return Promise.resolve(chat);
    },
    shown: () =>
      Promise.resolve(
        messages.map((message) => {
          const card = message.cards.at(-1);
          return {
            text: card === undefined ? '' : words(card),
            buttons: card?.buttons.map(({ label }) => label) ?? [],
            replies: message.replies.map(words),
          };
        }),
      ),
    press: async (button) => sees(await chat.press(button)),
    command: async (text) => sees(await chat.command(text)),
    complete: (command, name, typed, args) => {
      const option = { name, description: '', required: false };
      return chat.complete(command, option, typed, chat.person, chat.place, args);
    },
    submit: async (form, values) => sees(await chat.submit(form, values)),
    down: (isDown) => {
      chat.down = isDown;
      return Promise.resolve();
    },
    lose: (ref) => {
      messages.splice(0);
      messages.push({ id: 'm-other', fleet: 'homelab', cards: [], replies: [] });
      return Promise.resolve(ref);
    },
    person: chat.person,
    place: chat.place,
    close: () => Promise.resolve(),
  });
});

describe('the fake chat', () => {
  it('keeps every state a message went through', async () => {
    const chat = new FakeChat({ name: 'slack' });
    await chat.start({
      commands: [],
      command: () => Promise.resolve({ kind: 'none' }),
      press: () => Promise.resolve({ kind: 'none' }),
      submit: () => Promise.resolve({ kind: 'none' }),
      complete: () => Promise.resolve([]),
    });
    const card: Card = { tone: 'quiet', title: 'Planning', blocks: [], buttons: [], files: [] };
    const ref = await chat.show('homelab', card, {});
    await chat.show('homelab', { ...card, title: 'Plan: create 1' }, ref);
    expect(chat.messages[0]?.cards.map(({ title }) => title)).toEqual(['Planning', 'Plan: create 1']);
    expect(chat.card(ref.slack)?.title).toBe('Plan: create 1');
    expect(chat.person.chat).toBe('slack');
  });

  it('refuses to show before it is started', async () => {
    const card: Card = { tone: 'quiet', title: 'Planning', blocks: [], buttons: [], files: [] };
    await expect(new FakeChat().show('homelab', card, {})).rejects.toThrow('not started');
  });
});

function words(card: Card): string {
  return [card.title, ...card.blocks.map(blockWords)].join('\n');
}

function blockWords(block: Block): string {
  if (block.kind === 'divider') return '';
  if (block.kind === 'progress') return `${block.label} ${block.text}`;
  if (block.kind === 'lines') return block.lines.map(({ mark, text }) => `${mark ?? ''} ${text}`).join('\n');
  return plainText(block.rich);
}

function sees(answer: Answer): AskerSees {
  switch (answer.kind) {
    case 'none':
      return { kind: 'none', text: '' };
    case 'note':
      return { kind: 'note', text: `${answer.text} ${answer.code ?? ''}` };
    case 'card':
      return { kind: 'card', text: words(answer.card) };
    case 'form': {
      const labels = answer.form.fields.map(({ label }) => label);
      return { kind: 'form', text: [answer.form.title, plainText(answer.form.text), ...labels].join('\n') };
    }
    case 'invalid':
      return { kind: 'invalid', text: answer.text, field: answer.field };
  }
}
