import type { Answer } from '../../src/chat/chat.ts';
import { type Card, plainText } from '../../src/views/card.ts';
import { type PlainBlock, withoutTable } from '../../src/views/guest-lines.ts';
import type { AskerSees, ChatHarness } from '../contracts/chat.ts';
import type { FakeChat, FakeMessage } from './chat.ts';

/** The contract suite's way to work with a chat in memory. @param make another one over the same messages, as a restart does */
export function harnessOf(messages: FakeMessage[], make: () => FakeChat): ChatHarness {
  let chat = make();
  return {
    make: () => {
      chat = make();
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
    limitEdit: 'has none',
    age: 'has none',
    person: chat.person,
    place: chat.place,
    close: () => Promise.resolve(),
  };
}

function words(card: Card): string {
  return [card.title, ...card.blocks.map(withoutTable).map(blockWords)].join('\n');
}

function blockWords(block: PlainBlock): string {
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
