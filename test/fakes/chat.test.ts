import { describe, expect, it } from 'vitest';
import type { Card } from '../../src/views/card.ts';
import { chatContract } from '../contracts/chat.ts';
import { noPages } from '../support/no-pages.ts';
import { FakeChat, type FakeMessage } from './chat.ts';
import { harnessOf } from './chat-harness.ts';

chatContract('the fake', () => {
  const messages: FakeMessage[] = [];
  return Promise.resolve(harnessOf(messages, () => new FakeChat({ messages })));
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
      ...noPages,
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
