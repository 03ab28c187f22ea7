import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer, Form } from '../../../src/chat/chat.ts';
import type { DiscordChat } from '../../../src/chat/discord/discord.ts';
import { aCard, aDiscordChat, keptLog, ScriptedHandlers } from '../../support/discord/bench.ts';
import { FakeDiscord } from '../../support/discord/fake-discord.ts';
import { buttonsOf, pick, saidTo } from '../../support/discord/fake-interaction.ts';
import { ids } from '../../support/discord/ids.ts';
import { inChannel, rowan } from '../../support/discord/payloads.ts';

const approve = 'px1:approve:r-41:p-7f3c2a';
const confirm: Form = {
  id: 'px1:confirm:r-41:p-7f3c2a',
  title: 'Destroy 1 guest?',
  text: [{ bold: 'test-website (823)' }, ' is destroyed.'],
  fields: [{ name: 'names', label: 'Type the name of the guest to destroy', required: true }],
  submit: 'Destroy',
  danger: true,
};

let discord: FakeDiscord;
let chat: DiscordChat;
let handlers: ScriptedHandlers;
let log: ReturnType<typeof keptLog>;

beforeEach(async () => {
  discord = await FakeDiscord.start();
  handlers = new ScriptedHandlers();
  log = keptLog();
  chat = aDiscordChat(discord, { log, ackAfter: 100 });
  await chat.start(handlers);
});

afterEach(async () => {
  discord.release();
  await chat.stop();
  await discord.stop();
});

const note = (text: string, code?: string): Answer =>
  code === undefined ? { kind: 'note', text } : { kind: 'note', text, code };

describe('a command', () => {
  it('is taken before it is run, with its arguments, person and place', async () => {
    handlers.answer = () => {
      expect(typed.first?.type).toBe(5);
      return Promise.resolve(note('Planned.'));
    };
    const typed = discord.command('plan', { fleet: 'home' });
    await vi.waitFor(() => expect(saidTo(typed)).toBe('Planned.'));
    expect(handlers.commanded).toEqual([
      {
        name: 'plan',
        args: { fleet: 'home' },
        person: { chat: 'discord', id: ids.rowan, name: 'Rowan', groups: [ids.deployers] },
        place: { workspace: ids.guild, channel: ids.channel },
      },
    ]);
    expect(typed.first?.data).toEqual({ flags: 64 });
  });

  it('that needs no words leaves none', async () => {
    const typed = discord.command('plan');
    await vi.waitFor(() => expect(typed.dropped).toBe(true));
  });

  it('is answered with a card and its files for the asker alone', async () => {
    const files = [{ name: 'plan.diff', title: 'The plan', text: '- all of it' }];
    handlers.answer = { kind: 'card', card: aCard({ title: 'Plan: all of it', files }) };
    const typed = discord.command('plan');
    await vi.waitFor(() => expect(typed.followUps).toHaveLength(1));
    expect(saidTo(typed)).toContain('## Plan: all of it');
    expect(typed.followUps[0]?.files.get('plan.diff')).toBe('- all of it');
    expect(Number(typed.followUps[0]?.body['flags']) & 64).toBe(64);
  });

  it('that comes too late is not run', async () => {
    const typed = discord.command('lock', { reason: 'x' });
    typed.expired = true;
    await vi.waitFor(() => expect(log.lines.join('\n')).toContain('no longer accepts an answer'));
    expect(handlers.commanded).toEqual([]);
  });

  it('is run when only the answer to its acknowledgement was lost', async () => {
    discord.fault('POST /interactions/:id/:token/callback', 'lose-answer');
    handlers.answer = note('Planned.');
    const typed = discord.command('plan');
    await vi.waitFor(() => expect(saidTo(typed)).toBe('Planned.'));
    expect(handlers.commanded).toHaveLength(1);
  });

  it('that another process of the bot has answered is not run', async () => {
    discord.fault('POST /interactions/:id/:token/callback', 'hold');
    const typed = discord.command('plan');
    await vi.waitFor(() => expect(discord.holding).toBe(1));
    typed.first = { type: 5, data: {} };
    discord.release();
    await vi.waitFor(() => expect(log.lines.join('\n')).toContain('no longer accepts an answer'));
    expect(handlers.commanded).toEqual([]);
  });

  it('that asks for a form offers it behind a button, because it was taken already', async () => {
    handlers.answer = { kind: 'form', form: confirm };
    const typed = discord.command('plan');
    await vi.waitFor(() => expect(buttonsOf(typed)).toEqual(['px1:open:form-1']));
    expect(saidTo(typed)).toContain('Destroy 1 guest?');
    const opened = discord.press('px1:open:form-1');
    await vi.waitFor(() => expect(opened.first?.type).toBe(9));
    expect(handlers.pressed).toEqual([]);
  });

  it('that is gone since it was registered is answered in words', async () => {
    const typed = discord.command('vanished');
    await vi.waitFor(() => expect(saidTo(typed)).toContain('The command vanished no longer exists.'));
    expect(handlers.commanded).toEqual([]);
  });

  it('whose handler throws is answered all the same, and logged', async () => {
    handlers.answer = () => Promise.reject(new Error('a bug'));
    const typed = discord.command('plan');
    await vi.waitFor(() => expect(saidTo(typed)).toContain('unexpected error'));
    expect(log.lines.join('\n')).toContain('a chat handler threw');
  });
});

describe('a press', () => {
  it('is handed over with its ids, and taken without words', async () => {
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(6));
    expect(handlers.pressed).toMatchObject([{ action: 'approve', runId: 'r-41', planId: 'p-7f3c2a' }]);
  });

  it('that is refused is answered to the asker alone, with the reason', async () => {
    handlers.answer = note('Only deployers may approve.', 'not-an-approver');
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(saidTo(pressed)).toBe('Only deployers may approve.\n-# Reason: not-an-approver'));
    expect(pressed.first).toMatchObject({ type: 4, data: { flags: 64, allowed_mentions: { parse: [] } } });
  });

  it('opens a form as the first answer', async () => {
    handlers.answer = { kind: 'form', form: confirm };
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(9));
    expect(saidTo(pressed)).toContain('Type the name of the guest to destroy');
  });

  it('that takes long is acknowledged in time, and its answer follows', async () => {
    let finish: (answer: Answer) => void = () => undefined;
    handlers.answer = () => new Promise((resolve) => (finish = resolve));
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(6));
    discord.advance(10_000);
    finish(note('Approved.'));
    await vi.waitFor(() => expect(saidTo(pressed)).toBe('Approved.'));
    expect(pressed.followUps[0]?.body['flags']).toBe(64);
  });

  it('whose form comes late offers it behind a button', async () => {
    let finish: (answer: Answer) => void = () => undefined;
    handlers.answer = () => new Promise((resolve) => (finish = resolve));
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(6));
    finish({ kind: 'form', form: confirm });
    await vi.waitFor(() => expect(buttonsOf(pressed)).toEqual(['px1:open:form-1']));
  });

  it('for details is answered with a card for the asker alone', async () => {
    handlers.answer = { kind: 'card', card: aCard({ title: 'Plan: all of it' }) };
    const pressed = discord.press('px1:details:r-41:p-7f3c2a');
    await vi.waitFor(() => expect(saidTo(pressed)).toContain('## Plan: all of it'));
    expect(pressed.followUps[0]?.body['flags']).toBe(32_768 | 64);
  });

  it('with an id that proxnix did not make is refused in private', async () => {
    for (const forged of [
      'px1:approve:r-41',
      'px1:approve:r-41:',
      'px1:approve:r-41:p-7f3c2',
      'px1:destroy:r-41:p-7f3c2a',
      'px1:approve:r-41:p-7f3c2a:x',
      'hello',
    ]) {
      const pressed = discord.press(forged);
      await vi.waitFor(() => expect(saidTo(pressed)).toContain('not one of the buttons of proxnix'));
      expect(pressed.first?.data['flags']).toBe(64);
    }
    expect(handlers.pressed).toEqual([]);
  });

  it('by a bot is ignored', async () => {
    discord.press(approve, { user: { ...rowan, bot: true } });
    await vi.waitFor(() => expect(log.lines.join('\n')).toContain('without a person'));
    expect(handlers.pressed).toEqual([]);
  });

  it('elsewhere is handed over with the place it really came from', async () => {
    discord.press(approve, { place: { guild: ids.otherGuild, channel: ids.foreignChannel, type: 0 } });
    discord.press(approve, { place: { channel: '1', type: 1 } });
    discord.press(approve, { place: { guild: ids.guild, channel: '2', type: 12, parent: ids.channel } });
    discord.press(approve, { place: { guild: ids.guild, channel: '3', type: 11, parent: ids.channel } });
    await vi.waitFor(() => expect(handlers.pressed).toHaveLength(4));
    expect(handlers.pressed.map((press) => press.place)).toEqual([
      { workspace: ids.otherGuild, channel: ids.foreignChannel },
      { workspace: 'direct-message', channel: '1' },
      { workspace: ids.guild, channel: '2' },
      { workspace: ids.guild, channel: ids.channel },
    ]);
  });

  it('tells the roles of the payload, without the one everybody has', async () => {
    discord.press(approve, { user: { ...rowan, roles: ['123', ids.guild] } });
    await vi.waitFor(() => expect(handlers.pressed).toHaveLength(1));
    expect(handlers.pressed[0]?.person.groups).toEqual(['123']);
  });

  it('still counts when Discord takes no answer any more', async () => {
    const pressed = discord.press(approve);
    pressed.expired = true;
    await vi.waitFor(() => expect(log.lines.join('\n')).toContain('no longer accepts an answer'));
    expect(handlers.pressed).toHaveLength(1);
  });

  it('that cannot be read is ignored and does not end the bot', async () => {
    discord.submit('px1:confirm:r-41:p-7f3c2a', { names: 'x' }, { user: { ...rowan, id: 'not-an-id' } });
    await vi.waitFor(() => expect(log.lines.join('\n')).toContain('unknown interaction'));
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(6));
  });
});

describe('a form', () => {
  it('is handed over with what was typed, after it was taken', async () => {
    handlers.answer = () => {
      expect(sent.first?.type).toBe(6);
      return Promise.resolve({ kind: 'none' });
    };
    const sent = discord.submit(confirm.id, { names: 'test-website' });
    await vi.waitFor(() => expect(handlers.submitted).toHaveLength(1));
    expect(handlers.submitted[0]).toMatchObject({ formId: confirm.id, values: { names: 'test-website' } });
  });

  it('filled in wrongly is told about, and opens again with what was typed', async () => {
    handlers.answer = { kind: 'form', form: confirm };
    const pressed = discord.press(approve);
    await vi.waitFor(() => expect(pressed.first?.type).toBe(9));
    handlers.answer = { kind: 'invalid', field: 'names', text: 'That is not its name.' };
    const sent = discord.submit(confirm.id, { names: 'test-web' });
    await vi.waitFor(() =>
      expect(saidTo(sent)).toContain('Type the name of the guest to destroy: That is not its name.'),
    );
    const again = discord.press(buttonsOf(sent)[0] ?? '');
    await vi.waitFor(() => expect(again.first?.type).toBe(9));
    expect([...pick(again.first?.data, 'value')]).toEqual(['test-web']);
  });

  it('offered to one person opens for nobody else, nor after a restart', async () => {
    handlers.answer = { kind: 'form', form: confirm };
    const typed = discord.command('plan');
    await vi.waitFor(() => expect(buttonsOf(typed)).toEqual(['px1:open:form-1']));
    const other = discord.press('px1:open:form-1', { user: { ...rowan, id: '99' } });
    await vi.waitFor(() => expect(saidTo(other)).toContain('no longer open'));
    const unknown = discord.press('px1:open:form-77');
    await vi.waitFor(() => expect(saidTo(unknown)).toContain('no longer open'));
  });

  it('that Discord does not take is not handed over: it stays open there', async () => {
    const sent = discord.submit(confirm.id, { names: 'x' });
    sent.expired = true;
    await vi.waitFor(() => expect(log.lines.join('\n')).toContain('no longer accepts an answer'));
    expect(handlers.submitted).toEqual([]);
  });
});

describe('an option being typed', () => {
  it('gets at most 25 suggestions that Discord takes', async () => {
    const many = Array.from({ length: 40 }, (_, index) => `home-${index}`);
    handlers.suggestions = ['x'.repeat(101), '', 'home-0', ...many];
    const typing = discord.complete('plan', 'fleet', 'ho');
    await vi.waitFor(() => expect(typing.first?.type).toBe(8));
    const choices = typing.first?.data['choices'] as { name: string; value: string }[];
    expect(choices).toHaveLength(25);
    expect(choices[0]).toEqual({ name: 'home-0', value: 'home-0' });
  });

  it('gets none outside the guild', async () => {
    handlers.suggestions = ['home'];
    const typing = discord.complete('plan', 'fleet', '', { place: { ...inChannel, guild: ids.otherGuild } });
    await vi.waitFor(() => expect(typing.first?.data).toEqual({ choices: [] }));
  });
});

it('sends nothing about an interaction whose token is dead', async () => {
  let clock = 0;
  await chat.stop();
  chat = aDiscordChat(discord, { log, now: () => clock });
  await chat.start(handlers);
  let finish: (answer: Answer) => void = () => undefined;
  handlers.answer = () => new Promise((resolve) => (finish = resolve));
  const typed = discord.command('plan');
  await vi.waitFor(() => expect(handlers.commanded).toHaveLength(1));
  clock += 15 * 60_000;
  const before = discord.requests.length;
  finish(note('late'));
  await vi.waitFor(() => expect(log.lines.join('\n')).toContain('too late for Discord'));
  expect(discord.requests.slice(before)).toEqual([]);
  expect(typed.original).toBeUndefined();
});
