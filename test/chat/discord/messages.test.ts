import { RESTEvents, Routes } from 'discord.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RetryLater } from '../../../src/chat/chat.ts';
import type { DiscordChat } from '../../../src/chat/discord/discord.ts';
import { makeRest, restOptions } from '../../../src/chat/discord/rest.ts';
import { aCard, aDiscordChat, keptLog, MemoryState } from '../../support/discord/bench.ts';
import { FakeDiscord } from '../../support/discord/fake-discord.ts';
import { textOf } from '../../support/discord/fake-interaction.ts';
import { ids, token } from '../../support/discord/ids.ts';

const edit = 'PATCH /channels/:id/messages/:id';
const create = 'POST /channels/:id/messages';
const plan = { name: 'plan.diff', title: 'The whole plan', text: '-   test-website (823)  destroy\n' };

let discord: FakeDiscord;
let chat: DiscordChat;
let state: MemoryState;
let log: ReturnType<typeof keptLog>;

beforeEach(async () => {
  discord = await FakeDiscord.start();
  state = new MemoryState();
  log = keptLog();
  chat = aDiscordChat(discord, { state, log });
});

afterEach(async () => {
  discord.release();
  await chat.stop();
  await discord.stop();
});

const titles = (channel: string) => discord.messagesIn(channel).map((message) => textOf(message.body).split('\n')[0]);
const idOf = (ref: { readonly discord?: string }) => ref.discord?.split('/')[1] ?? '';
const count = (route: string) => discord.requests.filter((request) => request === route).length;

describe('showing a card', () => {
  it('posts it in the channel of its fleet, then edits that message', async () => {
    const ref = await chat.show('home', aCard({ title: 'Plan: one' }), {});
    expect(await chat.show('home', aCard({ title: 'Applying: one' }), ref)).toEqual(ref);
    await chat.show('lab', aCard({ title: 'Plan: two' }), {});
    expect(titles(ids.channel)).toEqual(['## Applying: one']);
    expect(titles(ids.secondChannel)).toEqual(['## Plan: two']);
  });

  it('finds its message again after a restart', async () => {
    const ref = await chat.show('home', aCard(), {});
    const next = aDiscordChat(discord, { state });
    await next.show('home', aCard({ title: 'Applied: one' }), ref);
    await next.stop();
    expect(titles(ids.channel)).toEqual(['## Applied: one']);
  });

  it('posts anew when the message is gone, and stays with the new one', async () => {
    const ref = await chat.show('home', aCard(), {});
    for (const message of discord.world.messages) message.deleted = true;
    const moved = await chat.show('home', aCard({ title: 'Applying: one' }), ref);
    expect(moved).not.toEqual(ref);
    expect(await chat.show('home', aCard({ title: 'Applied: one' }), moved)).toEqual(moved);
    expect(titles(ids.channel)).toEqual(['## Applied: one']);
  });

  it('posts anew when the message takes no edit any more, and deletes the old one', async () => {
    const ref = await chat.show('home', aCard(), {});
    discord.world.old.add(idOf(ref));
    const moved = await chat.show('home', aCard({ title: 'Applying: one' }), ref);
    expect(moved).not.toEqual(ref);
    expect(titles(ids.channel)).toEqual(['## Applying: one']);
    expect(log.lines.join('\n')).toMatch(/too old to be edited.*30046/);
  });

  it('shows the new message though the old one cannot be deleted', async () => {
    const ref = await chat.show('home', aCard(), {});
    discord.world.old.add(idOf(ref));
    discord.fault('DELETE /channels/:id/messages/:id', 500, 2);
    expect(await chat.show('home', aCard({ title: 'Applying: one' }), ref)).not.toEqual(ref);
    expect(titles(ids.channel)).toEqual(['## Plan: update 1', '## Applying: one']);
    expect(log.lines.join('\n')).toContain('could not be deleted');
  });

  it('posts anew when the fleet has another channel now, or the ref is none of Discord’s', async () => {
    const ref = await chat.show('home', aCard(), {});
    expect((await chat.show('lab', aCard(), ref)).discord).toMatch(new RegExp(`^${ids.secondChannel}/`));
    expect((await chat.show('lab', aCard(), { discord: '../../etc' })).discord).toMatch(/^\d+\/\d+$/);
  });

  it('posts once when the answer was lost', async () => {
    discord.fault(create, 'lose-answer');
    await chat.show('home', aCard(), {});
    expect(discord.messagesIn(ids.channel)).toHaveLength(1);
  });

  it('posts once when all answers were lost and the caller tries again with a newer card', async () => {
    discord.fault(create, 'lose-answer', 2);
    await expect(chat.show('home', aCard({ title: 'Plan: one' }), {})).rejects.toThrow('did not take a message');
    await chat.show('home', aCard({ title: 'Plan: newer' }), {});
    expect(titles(ids.channel)).toEqual(['## Plan: newer']);
  });

  it('posts once when the bot was restarted before it could save where the message is', async () => {
    await chat.show('home', aCard({ title: 'Plan: one' }), {});
    const next = aDiscordChat(discord, { state });
    await next.show('home', aCard({ title: 'Plan: one' }), {});
    await next.stop();
    expect(discord.messagesIn(ids.channel)).toHaveLength(1);
  });

  it('posts two messages when it is asked twice', async () => {
    const first = await chat.show('home', aCard(), {});
    const second = await chat.show('home', aCard(), {});
    expect(second).not.toEqual(first);
  });

  it('rejects while Discord is down and works when it is back', async () => {
    const ref = await chat.show('home', aCard(), {});
    discord.down = true;
    await expect(chat.show('home', aCard({ title: 'Applied: one' }), ref)).rejects.toThrow('did not take a message');
    discord.down = false;
    await chat.show('home', aCard({ title: 'Applied: one' }), ref);
    expect(titles(ids.channel)).toEqual(['## Applied: one']);
  });

  it('tells what to do when the bot may not write, and when a fleet has no channel', async () => {
    discord.world.closed.add(ids.channel);
    await expect(chat.show('home', aCard(), {})).rejects.toMatchObject({
      next: expect.stringContaining('Send Messages'),
    });
    await expect(chat.show('nowhere', aCard(), {})).rejects.toMatchObject({
      message: expect.stringContaining('nowhere'),
    });
  });

  it('rejects after a stop', async () => {
    await chat.stop();
    await expect(chat.show('home', aCard(), {})).rejects.toThrow('The Discord chat is stopped.');
  });
});

describe('a rate limit', () => {
  const limited = (ms: unknown, route = 'PATCH /channels/:id/messages/:id') => ({
    name: 'RetryLater',
    ms,
    reason: expect.stringContaining(`Discord limits ${route}`),
  });

  it('is told with the wait that Discord names, and nothing is sent meanwhile', async () => {
    const ref = await chat.show('home', aCard(), {});
    discord.limits.refuse(edit, { retryAfter: 3600, times: 1 });
    const refused = await chat.show('home', aCard({ title: 'Applying: 1' }), ref).catch((error: unknown) => error);
    expect(refused).toMatchObject(limited(expect.any(Number)));
    expect(refused).toHaveProperty('ms', 3_600_050);
    expect(count(edit)).toBe(1);
  });

  it('without a wait is told without one', async () => {
    const ref = await chat.show('home', aCard(), {});
    discord.limits.refuse(edit, { times: 1 });
    await expect(chat.show('home', aCard(), ref)).rejects.toMatchObject(limited(undefined));
  });

  it('of another route without a wait is tried again after a second, not at once', async () => {
    discord.limits.refuse('PUT /applications/:id/guilds/:id/commands', { times: 2 });
    const rest = makeRest(restOptions(discord.api), token, log);
    const waits: (string | undefined)[] = [];
    rest.on(RESTEvents.Debug, (said) => waits.push(...(/Retry After +: (.*)/.exec(said)?.slice(1) ?? [])));
    await rest.put(Routes.applicationGuildCommands(ids.application, ids.guild), { body: [] });
    expect(waits).toEqual(['1050ms', '1050ms']);
  });

  it('whose wait stands in the body alone is told with it', async () => {
    const ref = await chat.show('home', aCard(), {});
    discord.limits.refuse(edit, { retryAfter: 5, times: 1, bodyOnly: true });
    await expect(chat.show('home', aCard(), ref)).rejects.toMatchObject(limited(5050));
  });

  it('of one message does not hold up another channel', async () => {
    const home = await chat.show('home', aCard(), {});
    const lab = await chat.show('lab', aCard(), {});
    discord.limits.refuse(edit, { retryAfter: 30, times: 1 });
    await expect(chat.show('home', aCard({ title: 'Applying: home' }), home)).rejects.toMatchObject(limited(30_050));
    await chat.show('lab', aCard({ title: 'Applying: lab' }), lab);
    expect(titles(ids.secondChannel)).toEqual(['## Applying: lab']);
  });

  it('told by headers is kept: a bucket of two never answers 429 to a third', async () => {
    const ref = await chat.show('home', aCard(), {});
    discord.limits.window(edit, 2, 60_000);
    for (const title of ['Applying: 1', 'Applying: 2']) await chat.show('home', aCard({ title }), ref);
    await expect(chat.show('home', aCard({ title: 'Applying: 3' }), ref)).rejects.toBeInstanceOf(RetryLater);
    expect(discord.sent.filter((one) => one.status === 429)).toEqual([]);
    expect(count(edit)).toBe(2);
  });

  it('of a post leaves no message behind', async () => {
    discord.limits.refuse(create, { retryAfter: 1, times: 1 });
    await expect(chat.show('home', aCard(), {})).rejects.toMatchObject(limited(1050, 'POST /channels/:id/messages'));
    await chat.show('home', aCard(), {});
    expect(discord.messagesIn(ids.channel)).toHaveLength(1);
  });
});

describe('the thread of a message', () => {
  it('is made on first use and gets replies with their files', async () => {
    const ref = await chat.show('home', aCard(), {});
    await chat.reply('home', aCard({ title: 'Applied: one', files: [plan] }), ref);
    await chat.attach('home', aCard({ title: 'Applied: one', files: [plan] }), ref);
    await chat.reply('home', aCard({ title: 'Healthy again' }), ref);
    expect(titles(idOf(ref))).toEqual(['## Applied: one', 'The whole plan', '## Healthy again']);
    expect(discord.messagesIn(idOf(ref))[1]?.files.get('plan.diff')).toBe(plan.text);
    expect(count('POST /channels/:id/messages/:id/threads')).toBe(1);
  });

  it('that is there since before a restart is used', async () => {
    const ref = await chat.show('home', aCard(), {});
    await chat.reply('home', aCard({ title: 'one' }), ref);
    const next = aDiscordChat(discord, { state });
    await next.reply('home', aCard({ title: 'two' }), ref);
    await next.stop();
    expect(titles(idOf(ref))).toEqual(['## one', '## two']);
  });

  it('gets the files of a card at rest once, also after a restart', async () => {
    const ref = await chat.show('home', aCard({ files: [plan] }), {});
    await chat.attach('home', aCard({ files: [plan] }), ref);
    await chat.attach('home', aCard({ title: 'Plan: again', files: [plan] }), ref);
    const next = aDiscordChat(discord, { state });
    await next.attach('home', aCard({ title: 'Plan: again', files: [plan] }), ref);
    await next.attach('home', aCard({ files: [{ ...plan, text: 'another plan' }] }), ref);
    await next.stop();
    expect(discord.messagesIn(idOf(ref)).map((message) => [...message.files.values()])).toEqual([
      [plan.text],
      ['another plan'],
    ]);
  });

  it('gets no files of a card that still moves', async () => {
    const card = aCard({ tone: 'working', files: [plan] });
    await chat.attach('home', card, await chat.show('home', card, {}));
    expect(discord.world.threads.size).toBe(0);
  });

  it('that cannot be made is made the next time', async () => {
    discord.fault('POST /channels/:id/messages/:id/threads', 500, 2);
    const ref = await chat.show('home', aCard({ files: [plan] }), {});
    await expect(chat.attach('home', aCard({ files: [plan] }), ref)).rejects.toThrow('did not take a message');
    await chat.attach('home', aCard({ files: [plan] }), ref);
    expect(discord.messagesIn(idOf(ref))).toHaveLength(1);
  });

  it('gets a reply once when the answer was lost', async () => {
    const ref = await chat.show('home', aCard(), {});
    discord.fault(create, 'lose-answer', 2);
    await expect(chat.reply('home', aCard({ title: 'Applied' }), ref)).rejects.toThrow('did not take a message');
    await chat.reply('home', aCard({ title: 'Applied' }), ref);
    expect(titles(idOf(ref))).toEqual(['## Applied']);
  });

  it('gets each of many files once when sending stopped half-way', async () => {
    const ref = await chat.show('home', aCard(), {});
    const files = Array.from({ length: 12 }, (_, index) => ({ ...plan, name: `${index}.log`, text: `log ${index}\n` }));
    discord.fault(create, 'pass');
    discord.fault(create, 500, 2);
    await expect(chat.attach('home', aCard({ files }), ref)).rejects.toThrow('did not take a message');
    await chat.attach('home', aCard({ files }), ref);
    const names = discord.messagesIn(idOf(ref)).flatMap((message) => [...message.files.keys()]);
    expect(names).toEqual(files.map(({ name }) => name));
  });

  it('is the channel itself when the message is gone', async () => {
    const ref = await chat.show('home', aCard(), {});
    for (const message of discord.world.messages) message.deleted = true;
    await chat.reply('home', aCard({ title: 'Applied: one' }), ref);
    expect(titles(ids.channel)).toEqual(['## Applied: one']);
  });
});
