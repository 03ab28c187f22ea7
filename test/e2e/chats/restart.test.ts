import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as edits from '../../../src/demo/edits.ts';
import { clientOf } from '../../support/console.ts';
import { buttonOf, type Seat } from './seat.ts';
import { answered, approveId, become, formIn, newest, newestRun, patience } from './waits.ts';
import { aChatWorld, type ChatWorld } from './world.ts';

const chats = ['discord', 'slack'] as const;

describe('after a restart of the bot', () => {
  let world: ChatWorld;
  beforeAll(async () => {
    world = await aChatWorld({ chats, editEveryMs: 30 });
    await world.begin();
  }, 60_000);
  afterAll(() => world.stop(), 60_000);

  const seatOf = (chat: Seat['chat']): Seat => world.seats[chat];
  const restart = async () => {
    await world.halt();
    await world.start();
  };
  const planIn = (title: RegExp) => Promise.all([newest(seatOf('discord'), title), newest(seatOf('slack'), title)]);
  const started = async () => {
    const { id } = newestRun(world);
    return (await world.audit()).filter(({ action, run }) => action === 'started' && run === id).length;
  };

  it('a button pressed twice and by two people at once makes one run, in the message that was there', async () => {
    const [inDiscord, inSlack] = await planIn(/^Plan: create 4$/);
    await restart();
    const approve = buttonOf(inDiscord, 'Approve');
    const asked = await Promise.all([
      seatOf('discord').press(inDiscord, approve),
      seatOf('discord').press(inDiscord, approve),
      seatOf('slack').press(inSlack, approve, 'second'),
    ]);
    await become(seatOf('discord'), inDiscord, /^Applied: created 4$/);
    await become(seatOf('slack'), inSlack, /^Applied: created 4$/);
    await vi.waitFor(
      () => expect(asked.filter((one) => /already-approved/.test(one.words()))).toHaveLength(2),
      patience,
    );
    expect(await started()).toBe(1);
    for (const chat of chats) expect(seatOf(chat).cards()).toHaveLength(1);
  }, 60_000);

  it.each(chats)('an old button in %s answers with its reason', async (chat) => {
    await restart();
    const [card] = seatOf(chat).cards();
    if (card === undefined) throw new Error('no card');
    await answered(await seatOf(chat).press(card, approveId(world, 'r-1')), /already-decided/);
    await answered(await seatOf(chat).press(card, approveId(world, 'r-1'), 'stranger'), /not-an-approver/);
    await answered(await seatOf(chat).press(card, 'px1:details:r-1:'), /test-init +\(820\)/);
  });

  it.each(chats)('a form that was opened in %s before is taken', async (chat) => {
    await edits.removeGuest(world.repository, chat === 'discord' ? 'website' : 'worker');
    const [inDiscord, inSlack] = await planIn(/^Plan: destroy 1$/);
    const card = chat === 'discord' ? inDiscord : inSlack;
    const form = await formIn(await seatOf(chat).press(card, buttonOf(card, 'Approve')));
    await restart();
    await answered(await seatOf(chat).fill(form, { names: 'something else' }), /Type test-/);
    await seatOf(chat).fill(form, { names: chat === 'discord' ? 'test-website' : 'test-worker' });
    await become(seatOf(chat), card, /^Applied: destroyed 1$/);
  });

  it('Plan again on an old card makes a new one', async () => {
    await edits.editMemory(world.repository, 'cp', 4096);
    const [inDiscord] = await planIn(/^Plan: update 1$/);
    const form = await formIn(await seatOf('discord').press(inDiscord, buttonOf(inDiscord, 'Reject')));
    await seatOf('discord').fill(form, {});
    const rejected = await become(seatOf('discord'), inDiscord, /^Rejected: update 1$/);
    await restart();
    await answered(await seatOf('discord').press(rejected, buttonOf(rejected, 'Plan again')), /Planning as run/);
    const [anew] = await planIn(/^Plan: update 1$/);
    expect(anew.id).not.toBe(inDiscord.id);
  });

  it('the same card stands in the console, and works there too', async () => {
    await restart();
    const client = clientOf(world.app);
    const plan = await client.waitForNewest(/^Plan: update 1$/, { timeoutMs: patience.timeout });
    expect(await client.press(plan, 'approve')).toEqual({ kind: 'none' });
    await Promise.all(chats.map((chat) => newest(seatOf(chat), /^Applied: updated 1$/)));
    expect(await started()).toBe(1);
  });

  it('the commands of Discord are not registered again', () => {
    expect(world.discord.gateway.identifies.length).toBeGreaterThan(3);
    expect(world.discord.world.registrations).toBe(1);
  });
});
