import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { planOf } from '../../../src/core/run.ts';
import * as edits from '../../../src/demo/edits.ts';
import { buttonOf, type Seat, type SeenCard } from './seat.ts';
import { answered, approveId, become, formIn, newest, newestRun, patience } from './waits.ts';
import { aChatWorld, type ChatWorld } from './world.ts';

const chats = ['discord', 'slack'] as const;

/** Each way to be refused, from every chat; the cards are in both all the time. */
describe('a press that is refused', () => {
  let world: ChatWorld;
  beforeAll(async () => {
    world = await aChatWorld({ chats, editEveryMs: 30 });
    await world.begin();
  }, 60_000);
  afterAll(() => world.stop(), 60_000);

  const seatOf = (chat: Seat['chat']): Seat => world.seats[chat];
  const everywhere = async (title: RegExp): Promise<SeenCard> => {
    const [card] = await Promise.all(chats.map((chat) => newest(seatOf(chat), title)));
    if (card === undefined) throw new Error('no card');
    return card;
  };
  const cardIn = (chat: Seat['chat'], index = -1): SeenCard => {
    const card = seatOf(chat).cards().at(index);
    if (card === undefined) throw new Error(`no card in ${chat}`);
    return card;
  };
  /** Presses Approve on a card as it was, and waits for the reason code. */
  const refused = async (chat: Seat['chat'], card: SeenCard, code: string, who?: 'stranger' | 'elsewhere') => {
    const before = seatOf(chat).cards().length;
    const asked = await seatOf(chat).press(card, buttonOf(card, 'Approve'), who);
    const words = await answered(asked, new RegExp(code));
    expect(seatOf(chat).cards()).toHaveLength(before);
    return words;
  };
  /** `refused` is what the audit says of it. */
  const audited = async (detail: string) =>
    (await world.audit()).filter((entry) => entry.action === 'refused' && entry.detail === detail).length;

  describe.each(chats)('in %s', (chat) => {
    it('because of who presses, whatever their name', async () => {
      const plan = await newest(seatOf(chat), /^Plan: create 4$/);
      const words = await refused(chat, plan, 'not-an-approver', 'stranger');
      expect(words).toContain('You are not one of the approvers');
      const typed = await seatOf(chat).type('approve', { run: 'r-1' }, 'stranger');
      await answered(typed, /not-an-approver/);
      const locking = await seatOf(chat).type('lock', { reason: 'mine' }, 'stranger');
      await answered(locking, /not-an-approver/);
      expect(newestRun(world).phase).toBe('planned');
    });

    it('because of where it is pressed', async () => {
      const plan = cardIn(chat);
      await refused(chat, plan, 'wrong-channel', 'elsewhere');
      await answered(await seatOf(chat).type('approve', { run: 'r-1' }, 'elsewhere'), /wrong-channel/);
      expect(newestRun(world).phase).toBe('planned');
    });

    it.each([
      ['another plan of the run', 'px1:approve:r-1:p-000000', /plan-drifted/],
      ['a run that is not there', 'px1:approve:r-99:p-000000', /no run r-99/],
    ])('because it names %s', async (_what, id, words) => {
      await answered(await seatOf(chat).press(cardIn(chat), id), words);
      expect(newestRun(world).phase).toBe('planned');
    });

    it.each(['px1:approve:r-1:p-../../etc', 'px1:approve', 'px1:destroy:r-1:p-28a497', 'px1:approve:r-1:p-28a497:x'])(
      'because nobody made the button %s',
      async (id) => {
        const before = (await world.audit().catch(() => [])).length;
        const asked = await seatOf(chat).press(cardIn(chat), id);
        await vi.waitFor(() => expect(asked.isWaiting()).toBe(false), patience);
        expect(newestRun(world).phase).toBe('planned');
        expect((await world.audit()).length).toBe(before);
      },
    );

    it('because applies are locked, with the reason on the card, which offers it no more', async () => {
      const before = cardIn(chat);
      await answered(
        await seatOf(chat).type('lock', { reason: `maintenance <of> ${chat}` }),
        /Applying is locked for demo/,
      );
      const locked = await vi.waitFor(() => {
        const card = cardIn(chat);
        expect(card.words).toContain(`maintenance <of> ${chat}`);
        return card;
      }, patience);
      expect(locked.words).toContain('cannot be approved: applying is locked');
      expect(await refused(chat, before, 'locked')).toContain(`maintenance <of> ${chat}`);
      await answered(await seatOf(chat).type('unlock'), /Applying is unlocked for demo/);
      await vi.waitFor(() => expect(cardIn(chat).words).not.toContain('maintenance'), patience);
    });
  });

  it('leaves the plan as it was for those who may, and is in the audit', async () => {
    for (const code of ['not-an-approver', 'wrong-channel', 'plan-drifted', 'locked']) {
      expect(await audited(code)).toBeGreaterThanOrEqual(2);
    }
    const plan = await everywhere(/^Plan: create 4$/);
    await seatOf('discord').press(plan, buttonOf(plan, 'Approve'));
    await everywhere(/^Applying/);
  });

  it('because the run was approved already, while it runs and when it is over', async () => {
    const old = { ...cardIn('slack'), buttons: [{ label: 'Approve', id: approveId(world, 'r-1') }] };
    for (const chat of chats) await refused(chat, old, 'already-approved');
    await everywhere(/^Applied: created 4$/);
    for (const chat of chats) await refused(chat, old, 'already-decided');
    expect((await world.audit()).filter(({ action }) => action === 'started')).toHaveLength(1);
  }, 60_000);

  it('because the run was decided already', async () => {
    await edits.editMemory(world.repository, 'cp', 4096);
    const plan = await everywhere(/^Plan: update 1$/);
    // Named: the bot takes a plan for shown when the chat has answered, which is later than that the card stands there.
    const { id: run } = newestRun(world);
    await seatOf('slack').type('reject', { run, plan: planOf(newestRun(world))?.id ?? '' });
    await everywhere(/^Rejected: update 1$/);
    for (const chat of chats) await refused(chat, plan, 'already-decided');
  });

  it('because a newer push took the place of the plan', async () => {
    await edits.editMemory(world.repository, 'cp', 3072);
    const older = await everywhere(/^Plan: update 1$/);
    await edits.editMemory(world.repository, 'worker', 3072);
    await everywhere(/^Plan: update 2$/);
    for (const chat of chats) {
      expect(await refused(chat, older, 'plan-superseded')).toContain(newestRun(world).id);
    }
  });

  it('because the cluster moved after the plan, and shows the new plan with new buttons', async () => {
    const plan = await everywhere(/^Plan: update 2$/);
    await world.outside('PUT', '/nodes/pve1/qemu/822/config', { memory: '3072' });
    const inSlack = cardIn('slack');
    await refused('discord', plan, 'plan-drifted');
    const moved = await become(seatOf('slack'), inSlack, /^Plan: update 1$|^Plan: update 2$/);
    await vi.waitFor(
      () => expect(cardIn('slack').words).toMatch(/The cluster changed, earlier approvals are void/),
      patience,
    );
    expect(moved.id).toBe(inSlack.id);
    await refused('slack', inSlack, 'plan-drifted');
    expect(buttonOf(cardIn('slack'), 'Approve')).not.toBe(buttonOf(plan, 'Approve'));
    expect(newestRun(world).phase).toBe('planned');
  });

  it('because a destroy needs the name typed, also when it is typed as a command', async () => {
    await edits.removeGuest(world.repository, 'website');
    const plan = await everywhere(/^Plan: .*destroy 1/);
    for (const chat of chats) {
      const form = await formIn(await seatOf(chat).press(cardIn(chat), buttonOf(plan, 'Approve')));
      await answered(await seatOf(chat).fill(form, { names: 'test-web site' }), /Type test-website/);
    }
    const named = { run: newestRun(world).id, plan: planOf(newestRun(world))?.id ?? '' };
    const command = await seatOf('slack').type('approve', named);
    expect((await formIn(command)).title).toBe('Destroy 1 guest?');
    const deferred = await seatOf('discord').type('approve', named);
    await answered(deferred, /Destroy 1 guest/);
    expect(newestRun(world).phase).toBe('planned');
    expect(world.simulator.guest(823)).toBeDefined();
  });

  it('because the form of a destroy was filled in by somebody who may not', async () => {
    const plan = cardIn('discord');
    const [inDiscord, inSlack] = [
      await formIn(await seatOf('discord').press(plan, buttonOf(plan, 'Approve'))),
      await formIn(await seatOf('slack').press(cardIn('slack'), buttonOf(plan, 'Approve'))),
    ];
    await answered(await seatOf('discord').fill(inDiscord, { names: 'test-website' }, 'stranger'), /not-an-approver/);
    await answered(await seatOf('slack').fill(inSlack, { names: 'test-website' }, 'stranger'), /not-an-approver/);
    await answered(await seatOf('discord').fill(inDiscord, { names: 'test-website' }, 'elsewhere'), /wrong-channel/);
    expect(world.simulator.guest(823)).toBeDefined();
  });

  it('because nobody decided in time', async () => {
    await world.halt();
    await world.start({ PLAN_EXPIRY: '1s' });
    await edits.growDisk(world.repository, 'init');
    const plan = await everywhere(/^Plan: .*destroy 1/);
    await vi.waitFor(() =>
      expect(newestRun(world)).toMatchObject({ commit: { subject: expect.stringMatching(/Grow/) } }),
    );
    const run = await vi.waitFor(() => {
      const newestOne = newestRun(world);
      if (newestOne.phase !== 'planned') throw new Error('not planned yet');
      return newestOne;
    }, patience);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(run.expiresAt), patience);
    const id = `px1:approve:${run.id}:${run.plan.id}`;
    for (const chat of chats) {
      await refused(chat, { ...plan, buttons: [{ label: 'Approve', id }] }, 'plan-expired');
    }
    expect(world.simulator.guest(823)).toBeDefined();
  }, 60_000);
});
