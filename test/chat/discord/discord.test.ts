import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DiscordChat } from '../../../src/chat/discord/discord.ts';
import { aCard, aDiscordChat, keptLog, MemoryState, ScriptedHandlers } from '../../support/discord/bench.ts';
import { FakeDiscord } from '../../support/discord/fake-discord.ts';
import { ids } from '../../support/discord/ids.ts';

const approve = 'px1:approve:r-41:p-7f3c2a';

let discord: FakeDiscord;
let chat: DiscordChat;
let state: MemoryState;
let handlers: ScriptedHandlers;
let log: ReturnType<typeof keptLog>;

beforeEach(async () => {
  discord = await FakeDiscord.start();
  state = new MemoryState();
  handlers = new ScriptedHandlers();
  log = keptLog();
  chat = aDiscordChat(discord, { state, log });
});

afterEach(async () => {
  await chat.stop();
  await discord.stop();
});

describe('starting', () => {
  it('asks for no intent beyond guilds and registers the commands in the guild', async () => {
    await chat.start(handlers);
    expect(discord.gateway.identifies).toEqual([{ intents: 1 }]);
    expect(discord.world.commands).toMatchObject([
      {
        name: 'proxnix',
        options: [{ name: 'plan', options: [{ name: 'fleet', autocomplete: true }] }, { name: 'lock' }],
      },
    ]);
  });

  it('registers the commands again only when they changed', async () => {
    await chat.start(handlers);
    await chat.stop();
    chat = aDiscordChat(discord, { state });
    await chat.start(handlers);
    expect(discord.world.registrations).toBe(1);
    await chat.stop();
    chat = aDiscordChat(discord, { state });
    await chat.start(new ScriptedHandlers(handlers.commands.slice(1)));
    expect(discord.world.registrations).toBe(2);
  });

  it.each([
    ['a wrong token', { token: 'wrong' }, 'refuses the bot token'],
    ['a guild the bot is not in', { guildId: ids.otherGuild }, 'not a member of Discord guild'],
    ['an unknown channel', { channelIds: { home: '1' } }, 'Unknown Channel'],
    ['a channel of another guild', { channelIds: { home: ids.foreignChannel } }, 'is not in guild'],
  ])('refuses %s with what to do about it', async (_, options, message) => {
    const wrong = aDiscordChat(discord, options);
    await expect(wrong.start(handlers)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining(message),
      next: expect.any(String),
    });
    await wrong.stop();
  });

  it('tells that nobody listens apart from a refusal: that passes', async () => {
    const lost = aDiscordChat(discord, { api: 'http://127.0.0.1:9/api' });
    const error = await lost.start(handlers).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'Error', message: expect.stringContaining('cannot be reached') });
    await lost.stop();
  });

  it('can be tried again after it failed', async () => {
    discord.down = true;
    await expect(chat.start(handlers)).rejects.toThrow('cannot be reached');
    discord.down = false;
    await chat.start(handlers);
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(6));
  });

  it('gives up when the gateway never becomes ready', async () => {
    const hasty = aDiscordChat(discord, { patience: 50 });
    discord.fault('GET /gateway/bot', 'hold');
    await expect(hasty.start(handlers)).rejects.toThrow('was not ready after 50 ms');
    discord.release();
    await hasty.stop();
  });
});

describe('a connection that breaks', () => {
  it.each([
    ['is closed', () => discord.gateway.close(4000)],
    ['dies without a word', () => discord.gateway.terminate()],
    ['is asked to come back', () => discord.gateway.askReconnect()],
  ])('and %s is resumed, and a press made meanwhile is handled once', async (_, fault) => {
    await chat.start(handlers);
    fault();
    await vi.waitFor(() => expect(discord.gateway.connected).toBe(false), 5000);
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(6), 8000);
    expect(discord.gateway.resumes).toBe(1);
    expect(handlers.pressed).toHaveLength(1);
  });

  it('and has no session any more identifies anew', async () => {
    await chat.start(handlers);
    discord.gateway.invalidateSession();
    await vi.waitFor(() => expect(discord.gateway.identifies).toHaveLength(2), 10_000);
    await vi.waitFor(() => expect(discord.gateway.connected).toBe(true), 5000);
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(6), 5000);
  });

  it('because heartbeats are not answered is made again', async () => {
    discord.gateway.heartbeatInterval = 100;
    await chat.start(handlers);
    discord.gateway.silent = true;
    await vi.waitFor(() => expect(discord.gateway.resumes).toBeGreaterThan(0), 10_000);
    discord.gateway.silent = false;
  });

  it('does not keep cards from being shown', async () => {
    await chat.start(handlers);
    discord.gateway.terminate();
    await chat.show('home', aCard(), {});
    expect(discord.messagesIn(ids.channel)).toHaveLength(1);
  });
});

it('handles an interaction once that the gateway sends twice', async () => {
  await chat.start(handlers);
  const pressed = discord.press(approve);
  discord.gateway.repeat();
  await vi.waitFor(() => expect(pressed.first?.type).toBe(6));
  const next = discord.press('px1:reject:r-41:p-7f3c2a');
  await vi.waitFor(() => expect(next.first?.type).toBe(6));
  expect(handlers.pressed.map((press) => press.action)).toEqual(['approve', 'reject']);
});

describe('stopping', () => {
  it('lets what is being answered end', async () => {
    await chat.start(handlers);
    let finish: () => void = () => undefined;
    handlers.answer = () => new Promise((resolve) => (finish = () => resolve({ kind: 'note', text: 'Done.' })));
    const typed = discord.command('plan');
    await vi.waitFor(() => expect(handlers.commanded).toHaveLength(1));
    const stopped = chat.stop();
    finish();
    await stopped;
    expect(typed.original?.['content']).toBe('Done.');
  });

  it('before a start does nothing', async () => {
    await expect(chat.stop()).resolves.toBeUndefined();
  });

  it('leaves no connection open', async () => {
    await chat.start(handlers);
    await chat.stop();
    await vi.waitFor(() => expect(discord.gateway.connected).toBe(false));
  });
});

it('writes neither the bot token nor an interaction’s token into the log', async () => {
  await chat.start(handlers);
  discord.fault('POST /interactions/:id/:token/callback', 500, 2);
  const pressed = discord.press(approve);
  await vi.waitFor(() => expect(log.lines.join('\n')).toContain('could not be answered'));
  expect(log.lines.join('\n')).not.toContain(pressed.token);
  expect(log.lines.join('\n')).not.toContain('fake-token');
});
