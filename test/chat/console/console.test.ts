import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { renderCardPage } from '../../../src/chat/console/card.ts';
import type { ConsoleMessage, WireAnswer } from '../../../src/chat/console/message-store.ts';
import { UserError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/secret.ts';
import { buttonId, plainText } from '../../../src/views/card.ts';
import { type AskerSees, chatContract } from '../../contracts/chat.ts';
import { aCard, aConsole, bearer, scriptHeaders, silent, testHandlers, testStore } from './rig.ts';

chatContract('the console', async () => {
  const store = testStore();
  const options = { messages: store, workspace: 'w-1', channel: 'c-1' };
  let routes = aConsole(options).routes();
  const ask = async (path: string, body: unknown): Promise<AskerSees> => {
    const headers = { ...scriptHeaders, host: 'localhost' };
    const response = await routes.request(path, { method: 'POST', headers, body: JSON.stringify(body) });
    return sees((await response.json()) as WireAnswer);
  };
  return {
    make: () => {
      const chat = aConsole(options);
      routes = chat.routes();
      return Promise.resolve(chat);
    },
    shown: () => Promise.resolve([...store.messages.values()].map(read)),
    press: (button) => ask('/api/press', { button: buttonId(button) }),
    command: (text) => ask('/api/commands', { text }),
    complete: async (command, option, typed, args) => {
      const others = Object.entries(args).map(([name, value]): [string, string] => [`arg.${name}`, value]);
      const query = new URLSearchParams([...Object.entries({ command, option, typed }), ...others]);
      const response = await routes.request(`/api/complete?${query}`, { headers: { ...bearer, host: 'localhost' } });
      return response.json();
    },
    submit: (form, values) => ask(`/api/forms/${encodeURIComponent(form.id)}`, { values }),
    down: (isDown) => {
      store.full = isDown;
      return Promise.resolve();
    },
    lose: () => Promise.resolve({ console: randomUUID() }),
    limitEdit: 'has none' as const,
    age: 'has none' as const,
    person: { chat: 'console', id: 'owner', name: 'Owner' },
    place: { workspace: 'w-1', channel: 'c-1' },
    close: () => Promise.resolve(),
  };
});

describe('ConsoleChat', () => {
  it('refuses a token of its own where others are to log in, and says what to set', () => {
    for (const open of [
      { host: '0.0.0.0' },
      { host: '::' },
      { host: '10.0.0.4' },
      { names: ['proxnix.example.org'] },
    ]) {
      const failed = thrownBy(() => aConsole(open));
      expect(failed).toBeInstanceOf(UserError);
      expect(failed).toMatchObject({ next: expect.stringContaining('CONSOLE_TOKEN') });
    }
    for (const host of ['127.0.0.1', '127.8.0.1', '::1', '[::1]', 'localhost']) aConsole({ host });
    aConsole({ host: '0.0.0.0', token: new Secret('a-token-that-is-long-enough') });
  });

  it('refuses a token that can be guessed', () => {
    expect(thrownBy(() => aConsole({ token: new Secret('hunter2') }))).toMatchObject({
      next: expect.stringContaining('openssl'),
    });
  });

  it('keeps a reply and an edit that come at the same moment', async () => {
    const store = testStore();
    const chat = aConsole({ messages: store });
    await chat.start(testHandlers());
    const ref = await chat.show('homelab', aCard(), {});
    await Promise.all([
      chat.reply('homelab', aCard({ title: 'Reply' }), ref),
      chat.show('homelab', aCard({ title: 'Applied: all' }), ref),
      chat.reply('homelab', aCard({ title: 'Reply 2' }), ref),
    ]);
    const message = store.messages.get(ref.console ?? '');
    expect(message?.card.title).toBe('Applied: all');
    expect(message?.replies.map(({ card }) => card.title)).toEqual(['Reply', 'Reply 2']);
  });

  it('names only its own message, so that a fan-out can merge what several chats answer', async () => {
    const chat = aConsole();
    await chat.start(testHandlers());
    const ref = await chat.show('homelab', aCard(), { discord: '1', slack: '2' });
    expect(Object.keys(ref)).toEqual(['console']);
  });

  it('shows nothing after it was stopped', async () => {
    const chat = aConsole({ log: silent });
    await chat.start(testHandlers());
    await chat.stop();
    await expect(chat.show('homelab', aCard(), {})).rejects.toThrow(UserError);
  });
});

/** A message as its page shows it: tags taken out, entities read. Markup from a card would vanish here, and be missed. */
function read({ card, replies }: ConsoleMessage) {
  return {
    text: pageText(card),
    buttons: card.buttons.map(({ label }) => label),
    replies: replies.map((r) => pageText(r.card)),
  };
}

function pageText(card: ConsoleMessage['card']): string {
  const body = renderCardPage(card).split('<body class="alone">')[1] ?? '';
  return body
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

function sees(answer: WireAnswer): AskerSees {
  switch (answer.kind) {
    case 'note':
      return { kind: 'note', text: `${answer.text} ${answer.code ?? ''}` };
    case 'card':
      return { kind: 'card', text: answer.card.title };
    case 'form': {
      const labels = answer.form.fields.map(({ label }) => label);
      return { kind: 'form', text: [answer.form.title, plainText(answer.form.text), ...labels].join('\n') };
    }
    case 'invalid':
      return { kind: 'invalid', text: answer.text, field: answer.field };
    case 'none':
      return { kind: 'none', text: '' };
  }
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
