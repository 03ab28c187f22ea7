import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ConsoleClient, Message } from '../../../src/demo/console-client.ts';
import * as edits from '../../../src/demo/edits.ts';
import { clientOf } from '../../support/console.ts';
import { pick } from '../../support/discord/fake-interaction.ts';
import { buttonOf, type Seat, type SeenCard } from './seat.ts';
import { become, formIn, newest, newestRun, patience } from './waits.ts';
import { aChatWorld, type ChatWorld } from './world.ts';

type Shown = { readonly discord: SeenCard; readonly slack: SeenCard; readonly console: Message };

describe('Discord, Slack and the console at once', () => {
  let world: ChatWorld;
  let discord: Seat;
  let slack: Seat;
  let console: ConsoleClient;
  beforeAll(async () => {
    world = await aChatWorld({ chats: ['discord', 'slack'], editEveryMs: 30, importBytesPerSecond: 150_000_000 });
    ({ discord, slack } = world.seats);
    console = clientOf(world.app);
  }, 60_000);
  afterAll(() => world.stop(), 60_000);

  /** Waits for the newest card to have such a title in every chat. */
  async function everywhere(title: RegExp): Promise<Shown> {
    const [inDiscord, inSlack, inConsole] = await Promise.all([
      newest(discord, title),
      newest(slack, title),
      vi.waitFor(async () => {
        const message = (await console.messages()).at(-1);
        if (message !== undefined && title.test(message.card.title)) return message;
        throw new Error(`the newest message in the console is "${message?.card.title}", not ${title}`);
      }, patience),
    ]);
    return { discord: inDiscord, slack: inSlack, console: inConsole };
  }

  /** What the audit holds of the newest run, without its refusals. */
  async function deeds(): Promise<readonly string[]> {
    const { id } = newestRun(world);
    return (await world.audit())
      .filter(({ run, action }) => run === id && action !== 'refused')
      .map((one) => one.action);
  }

  it('show one plan under one id, with the same buttons', async () => {
    await world.begin();
    const plan = await everywhere(/^Plan: create 4$/);
    const ids = (['Approve', 'Reject', 'Full plan'] as const).map((label) => buttonOf(plan.discord, label));
    expect(ids).toEqual(['Approve', 'Reject', 'Full plan'].map((label) => buttonOf(plan.slack, label)));
    expect(ids).toEqual(plan.console.card.buttons.map(({ id }) => id));
    expect(world.app.pipeline.runs()).toHaveLength(1);
  });

  it('all follow a press in one of them to the final tags', async () => {
    const plan = await everywhere(/^Plan: create 4$/);
    await slack.press(plan.slack, buttonOf(plan.slack, 'Approve'));
    const applied = await everywhere(/^Applied: created 4$/);
    for (const words of [applied.discord.words, applied.slack.words, JSON.stringify(applied.console.card)]) {
      expect(words).toContain('alice');
      expect(words).toContain(`commit-${newestRun(world).commit?.sha}`);
    }
    expect([applied.discord.id, applied.slack.id, applied.console.id]).toEqual([
      plan.discord.id,
      plan.slack.id,
      plan.console.id,
    ]);
    // The audit is written after the card.
    await vi.waitFor(async () => expect(await deeds()).toEqual(['approved', 'started', 'ended']), patience);
  });

  it('make one run of presses at once in all of them, by five people', async () => {
    await edits.editImage(world.repository, 'website');
    const plan = await everywhere(/^Plan: replace 1$/);
    const approve = buttonOf(plan.discord, 'Approve');
    world.requests.length = 0;
    const [inConsole, ...asked] = await Promise.all([
      console.press(plan.console, 'approve'),
      discord.press(plan.discord, approve),
      discord.press(plan.discord, approve, 'second'),
      slack.press(plan.slack, approve),
      slack.press(plan.slack, approve, 'second'),
    ]);
    await everywhere(/^Applied: replaced 1$/);
    // The audit is written after the card.
    await vi.waitFor(async () => expect(await deeds()).toEqual(['approved', 'started', 'ended']), patience);
    const late = asked.filter((one) => one.words().includes('already-approved')).length;
    const lateInConsole = JSON.stringify(inConsole).includes('already-approved') ? 1 : 0;
    expect(late + lateInConsole).toBe(4);
    expect(world.requests.filter((call) => /^POST .*\/move_disk$/.test(call)).length).toBeLessThanOrEqual(1);
  });

  it('show a rejection and its reason wherever it was not typed', async () => {
    await edits.editMemory(world.repository, 'cp', 4096);
    const plan = await everywhere(/^Plan: update 1$/);
    const form = await formIn(await discord.press(plan.discord, buttonOf(plan.discord, 'Reject')));
    await discord.fill(form, { reason: 'after the move' });
    const rejected = await everywhere(/^Rejected: update 1$/);
    for (const words of [rejected.slack.words, JSON.stringify(rejected.console.card)]) {
      expect(words).toContain('after the move');
      expect(words).toContain('Rowan');
    }
  });

  it('show a newer plan and take the buttons off the older one, in all of them', async () => {
    await edits.editMemory(world.repository, 'cp', 2048);
    await everywhere(/^In sync/);
    await edits.editImage(world.repository, 'website');
    const older = await everywhere(/^Plan: replace 1$/);
    await edits.editImage(world.repository, 'worker');
    await everywhere(/^Plan: replace 2$/);
    for (const [seat, card] of [
      [discord, older.discord],
      [slack, older.slack],
    ] as const) {
      const superseded = await become(seat, card, /^Superseded: replace 1$/);
      expect(superseded.buttons).toEqual([]);
      expect(superseded.words).toContain(newestRun(world).id);
    }
  });

  it('stop a run when somebody in another chat asks, after the VM at work', async () => {
    const plan = await everywhere(/^Plan: replace 2$/);
    const was = world.simulator.guest(823)?.config['tags'];
    await discord.press(plan.discord, buttonOf(plan.discord, 'Approve'));
    const working = await become(slack, plan.slack, /^Applying: .*, replace test-worker/);
    await slack.press(working, buttonOf(working, 'Stop after this guest'));
    const stopped = await everywhere(/^Cancelled: 1 guest of 2 done$/);
    for (const words of [stopped.discord.words, stopped.slack.words, JSON.stringify(stopped.console.card)]) {
      expect(words).toMatch(/Stopped by .*alice/);
    }
    expect(world.simulator.guest(823)?.config['tags']).toBe(was);
    // The audit is written after the card.
    await vi.waitFor(
      async () => expect(await deeds()).toEqual(['approved', 'started', 'cancelled', 'ended']),
      patience,
    );
  }, 120_000);

  it.each([
    ['plan', 'fleet', 'd', ['demo']],
    ['plan', 'ref', 'm', ['main']],
    ['status', 'name', 'test-w', ['test-website', 'test-worker']],
    // It is over: there is nothing to approve.
    ['approve', 'run', 'r-1', []],
  ])('suggest in Discord, while somebody types /proxnix %s, for %s', async (command, option, typed, expected) => {
    const asked = world.discord.complete(command, option, typed);
    await vi.waitFor(() => expect(asked.first?.type).toBe(8), patience);
    const choices = [...pick(asked.first?.data, 'value')].sort();
    expect(choices).toEqual(expected);
  });
});
