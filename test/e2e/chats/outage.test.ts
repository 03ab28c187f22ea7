import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readTags, splitTags } from '../../../src/core/tags.ts';
import * as edits from '../../../src/demo/edits.ts';
import { type SampleVm, sampleVms } from '../../../src/demo/sample-files.ts';
import { clientOf } from '../../support/console.ts';
import { buttonOf, type Seat, type SeenCard } from './seat.ts';
import { answered, become, newest, patience } from './waits.ts';
import { aChatWorld, type ChatWorld } from './world.ts';

const chats = ['discord', 'slack'] as const;

/** The same change each time, a new image for one VM, so that what the cluster was asked can be compared. */
describe('a chat that fails during a deploy', () => {
  let world: ChatWorld;
  let usual: readonly string[];
  beforeAll(async () => {
    world = await aChatWorld({ chats, editEveryMs: 30 });
    await world.begin();
    await deploy(await planned(/^Plan: create 4$/));
    await Promise.all(chats.map((chat) => newest(world.seats[chat], /^Applied: created 4$/)));
  }, 60_000);
  afterAll(() => world.stop(), 60_000);

  const planned = async (title: RegExp): Promise<Readonly<Record<Seat['chat'], SeenCard>>> => {
    const [discord, slack] = await Promise.all(chats.map((chat) => newest(world.seats[chat], title)));
    if (discord === undefined || slack === undefined) throw new Error('no card');
    return { discord, slack };
  };

  /** Approves in the console, which never fails, and waits for the end there. @returns the writes of the deploy */
  const deploy = async (plan: { readonly discord: SeenCard }): Promise<readonly string[]> => {
    world.requests.length = 0;
    const client = clientOf(world.app);
    await client.post('/api/press', { button: buttonOf(plan.discord, 'Approve') });
    await client.waitForNewest(/^Applied:/, { timeoutMs: patience.timeout });
    return (
      world.requests
        // A ping is a question as well, asked as often as the guest takes to answer.
        .filter((call) => !call.startsWith('GET ') && !call.endsWith('/agent/ping'))
        .map((call) => call.replace(/\b82\d\b/g, 'vm').replace(/\b\d{9}\b/g, 'staging'))
    );
  };

  const nextImage = async (vm: SampleVm) => {
    const imageHash = () => imageOf(820 + sampleVms.indexOf(vm));
    const was = imageHash();
    await edits.editImage(world.repository, vm);
    return { plan: await planned(/^Plan: replace 1$/), was, imageHash };
  };
  const imageOf = (vmid: number) =>
    readTags(splitTags(String(world.simulator.guest(vmid)?.config['tags'] ?? ''))).imageHash ?? 'none';
  const caughtUp = (plan: Readonly<Record<Seat['chat'], SeenCard>>, image: string) =>
    Promise.all(
      chats.map(async (chat) => {
        const card = await become(world.seats[chat], plan[chat], /^Applied: replaced 1$/);
        expect(card.words).toContain(`nix-${image}`);
        expect(world.seats[chat].cards().at(-1)?.id).toBe(card.id);
        await vi.waitFor(() => {
          const now = world.seats[chat].cards().at(-1);
          expect(now?.replies.filter((reply) => reply.includes('Applied: replaced 1'))).toHaveLength(1);
          expect(now?.files.map(({ name }) => name)).toContain('run.log');
        }, patience);
      }),
    );

  it('is what the others are compared with, when none fails', async () => {
    const { plan, was, imageHash } = await nextImage('website');
    usual = await deploy(plan);
    expect(usual.length).toBeGreaterThan(3);
    expect(imageHash()).not.toBe(was);
    await caughtUp(plan, imageHash());
  });

  it('changes nothing when both are down from before the approval, and both catch up', async () => {
    const { plan, was, imageHash } = await nextImage('website');
    world.discord.down = true;
    world.discord.gateway.terminate();
    await world.slack.down();
    expect(await deploy(plan)).toEqual(usual);
    expect(imageHash()).not.toBe(was);
    for (const chat of chats) {
      expect(world.seats[chat].cards().at(-1)?.title).toBe('Plan: replace 1');
    }
    // the final card too has been tried in vain
    const ended = world.logged.length;
    const vain = () => world.logged.slice(ended).filter((line) => line.includes('a card could not be shown'));
    for (const chat of chats) {
      await vi.waitFor(() => expect(vain().join('')).toContain(`"chat":"${chat}"`), patience);
    }
    world.discord.down = false;
    await world.slack.up();
    await caughtUp(plan, imageHash());
  }, 60_000);

  it('takes presses again afterwards', async () => {
    await vi.waitFor(() => expect(world.discord.gateway.connected).toBe(true), patience);
    await vi.waitFor(() => expect(world.slack.sockets.count).toBeGreaterThan(0), patience);
    for (const chat of chats) await answered(await world.seats[chat].type('help'), /\/proxnix plan/);
  }, 60_000);

  it('changes nothing when both ask to wait, and nothing is posted twice', async () => {
    const { plan, was, imageHash } = await nextImage('worker');
    world.discord.limits.refuse('PATCH /channels/:id/messages/:id', { retryAfter: 1, times: 2 });
    world.slack.mishap('chat.update', { retryAfter: 1 }, { retryAfter: 1 });
    const before = world.seats.slack.cards().length;
    expect(await deploy(plan)).toEqual(usual);
    expect(imageHash()).not.toBe(was);
    await caughtUp(plan, imageHash());
    for (const chat of chats) expect(world.seats[chat].cards()).toHaveLength(before);
  }, 60_000);

  it('changes nothing when answers get lost or a server is out of order', async () => {
    const { plan, was, imageHash } = await nextImage('worker');
    world.discord.fault('PATCH /channels/:id/messages/:id', 'lose-answer', 2);
    world.discord.fault('POST /channels/:id/messages', 500, 1);
    world.slack.mishap('chat.update', { status: 500 }, { lost: 'answer' }, { error: 'internal_error' });
    expect(await deploy(plan)).toEqual(usual);
    expect(imageHash()).not.toBe(was);
    await caughtUp(plan, imageHash());
  }, 60_000);

  it('changes nothing when it hangs, and neither does the other chat wait for it', async () => {
    const { plan, imageHash } = await nextImage('cp');
    world.discord.fault('PATCH /channels/:id/messages/:id', 'hold', 1);
    expect(await deploy(plan)).toEqual(usual);
    await become(world.seats.slack, plan.slack, /^Applied: replaced 1$/);
    expect(world.discord.holding).toBe(1);
    world.discord.release();
    await caughtUp(plan, imageHash());
  }, 60_000);

  describe.each(chats)(
    'that edits no old message, with a plan of the evening approved in the morning in %s',
    (chat) => {
      it('shows the run in a new message, answers the press and leaves no old button that works', async () => {
        const { plan, was, imageHash } = await nextImage(chat === 'discord' ? 'init' : 'cp');
        // Discord and Slack refuse edits of these from now on, each in its own way.
        world.discord.world.old.add(plan.discord.id);
        world.slack.state.old.add(plan.slack.id);
        const pressed = await world.seats[chat].press(plan[chat], buttonOf(plan[chat], 'Approve'));
        for (const each of chats) {
          const card = await newest(world.seats[each], /^Applied: replaced 1$/);
          expect(card.id).not.toBe(plan[each].id);
          expect(world.seats[each].cards().map(({ id }) => id)).not.toContain(plan[each].id);
          await vi.waitFor(() => {
            const now = world.seats[each].cards().at(-1);
            expect(now?.id).toBe(card.id);
            expect(now?.replies.filter((reply) => reply.includes('Applied: replaced 1'))).toHaveLength(1);
          }, patience);
        }
        expect(imageHash()).not.toBe(was);
        expect(pressed.isWaiting()).toBe(false);
        expect(pressed.words()).toBe('');
        const late = await world.seats[chat].press(plan[chat], buttonOf(plan[chat], 'Approve'));
        await answered(late, /already-decided/);
      }, 120_000);
    },
  );

  it('is caught up with when it was down while the bot started', async () => {
    await world.halt();
    world.discord.down = true;
    await world.slack.down();
    await world.start({}, { alone: true });
    await edits.editMemory(world.repository, 'cp', 4096);
    const client = clientOf(world.app);
    const plan = await client.waitForNewest(/^Plan: update 1$/, { timeoutMs: patience.timeout });
    expect(await client.press(plan, 'approve')).toEqual({ kind: 'none' });
    await client.waitForNewest(/^Applied: updated 1$/, { timeoutMs: patience.timeout });
    world.discord.down = false;
    await world.slack.up();
    for (const chat of chats) {
      const card = await newest(world.seats[chat], /^Applied: updated 1$/);
      expect(world.seats[chat].cards().filter(({ title }) => title === card.title)).toHaveLength(1);
    }
    await vi.waitFor(() => expect(world.slack.sockets.count).toBeGreaterThan(0), patience);
    await vi.waitFor(() => expect(world.discord.gateway.connected).toBe(true), patience);
    for (const chat of chats) await answered(await world.seats[chat].type('help'), /\/proxnix plan/);
  }, 90_000);
});
