import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readTags, splitTags } from '../../../src/core/tags.ts';
import * as edits from '../../../src/demo/edits.ts';
import { buttonOf, type Seat, type SeenCard } from './seat.ts';
import { answered, become, formIn, newest, newestRun, patience } from './waits.ts';
import { aChatWorld, type ChatWorld } from './world.ts';

/** One afternoon in one chat, at the pace people see: each test goes on where the one before ended. */
export function chatStory(chat: Seat['chat']): void {
  describe(`the story in ${chat}, over real sockets with the real library and real git`, () => {
    let world: ChatWorld;
    let seat: Seat;
    let first: SeenCard;
    beforeAll(async () => {
      world = await aChatWorld({ chats: [chat], importBytesPerSecond: 25_000_000 });
      seat = world.seats[chat];
    }, 60_000);
    afterAll(() => world.stop(), 60_000);

    const vmids = [820, 821, 822, 823];
    const tagsOf = (vmid: number) => readTags(splitTags(String(world.simulator.guest(vmid)?.config['tags'] ?? '')));

    it('shows the plan of a push, with its commit, its changes and what to press', async () => {
      await world.begin();
      first = await newest(seat, /^Plan: create 4$/);
      const run = newestRun(world);
      for (const words of [/by Demo on main of demo\/fleet/, /Four VMs/, new RegExp(run.id)]) {
        expect(first.words).toMatch(words);
      }
      for (const name of ['test-init', 'test-cp', 'test-worker', 'test-website']) expect(first.words).toContain(name);
      expect(first.words).toMatch(/approvals 0 of 1/);
      expect(first.buttons.map(({ label }) => label)).toEqual(['Approve', 'Reject', 'Full plan']);
      expect(world.simulator.guests()).toEqual([]);
    });

    it('attaches the whole plan to the thread', async () => {
      const file = await vi.waitFor(() => {
        const found = seat.cards()[0]?.files.find(({ name }) => name === 'plan.diff');
        if (found === undefined) throw new Error('no file yet');
        return found;
      }, patience);
      for (const vmid of vmids) expect(file.text).toContain(String(vmid));
    });

    it('shows the full plan to the one who asks', async () => {
      const asked = await seat.press(first, buttonOf(first, 'Full plan'));
      const words = await answered(asked, /test-website \(823\)/);
      expect(words).toContain('test-init');
      expect(seat.cards()).toHaveLength(1);
    });

    it('is approved by a button and moves in one message to the final tags', async () => {
      const asked = await seat.press(first, buttonOf(first, 'Approve'));
      const moving = await become(seat, first, /^Applying: step \d of \d/);
      expect(moving.words).toMatch(/Approved by \W?(Rowan|alice)/);
      expect(moving.buttons.map(({ label }) => label)).toEqual(['Stop after this guest']);
      // An import lasts longer than the pace of edits, so one of them shows it.
      await vi.waitFor(() => expect(seat.cards()[0]?.words).toMatch(/disk import of test-\w+ \(\d+\)/), patience);
      const applied = await become(seat, first, /^Applied: created 4$/);
      for (const vmid of vmids) {
        expect(tagsOf(vmid)).toMatchObject({ ours: true, pending: false, foreign: [] });
        expect(applied.words).toContain(`nix-${tagsOf(vmid).imageHash}`);
      }
      expect(applied.words).toContain(`commit-${tagsOf(820).commit}`);
      expect(applied.buttons).toEqual([]);
      expect(asked.words().trim()).toBe('');
      expect(seat.cards()).toHaveLength(1);
    }, 60_000);

    it('says the end in the thread, with the log', async () => {
      await vi.waitFor(() => {
        const card = seat.cards()[0];
        expect(card?.replies.join('\n')).toContain('Applied: created 4');
        expect(card?.files.map(({ name }) => name)).toContain('run.log');
      }, patience);
      const log = seat.cards()[0]?.files.find(({ name }) => name === 'run.log');
      expect(log?.text).toMatch(/== import-820|== .*820/);
    });

    it('never edits a message twice within three seconds', async () => {
      const times = seat.edits().get(first.id) ?? [];
      expect(times.length).toBeGreaterThan(2);
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(2995);
    });

    it('plans by the slash command, and says in one line that nothing is to be done', async () => {
      await answered(await seat.type('plan'), /Planning as run r-2/);
      const card = await newest(seat, /^In sync: [0-9a-f]{7} \(Four VMs\) changes nothing$/);
      expect(card.buttons).toEqual([]);
      expect(card.id).not.toBe(first.id);
    }, 120_000);

    it('answers status, history and help to the asker alone', async () => {
      const before = seat.cards().length;
      expect(await answered(await seat.type('status'), /test-website/)).toMatch(/running/);
      expect(await answered(await seat.type('status', { name: 'test-cp' }), /test-cp/)).toMatch(/821/);
      expect(await answered(await seat.type('history'), /r-1 applied/)).toMatch(
        /r-1 applied [0-9a-f]{7}: create 4, in .*, approved by/,
      );
      expect(await answered(await seat.type('help'), /\/proxnix plan/)).toMatch(/\/proxnix lock/);
      expect(seat.cards()).toHaveLength(before);
    });

    it('takes a reason with a rejection and shows it on the card', async () => {
      await edits.editMemory(world.repository, 'cp', 4096);
      const plan = await newest(seat, /^Plan: update 1$/);
      expect(plan.words).toContain('memory 2048 -> 4096 MiB');
      const form = await formIn(await seat.press(plan, buttonOf(plan, 'Reject')));
      expect(form.title).toBe(`Reject run ${newestRun(world).id}?`);
      await seat.fill(form, { reason: 'not *before* <the> weekend' });
      const rejected = await become(seat, plan, /^Rejected: update 1$/);
      expect(rejected.words).toContain('Reason: not *before* <the> weekend');
      expect(rejected.words).toMatch(/Rejected by \W?(Rowan|alice)/);
      expect(rejected.buttons.map(({ label }) => label)).toEqual(['Plan again']);
      expect(world.simulator.guest(821)?.config['memory']).toBe('2048');
    });

    it('destroys a VM only after its name was typed', async () => {
      await edits.editMemory(world.repository, 'cp', 2048);
      await newest(seat, /^In sync/);
      await edits.removeGuest(world.repository, 'website');
      const plan = await newest(seat, /^Plan: destroy 1$/);
      expect(plan.words).toMatch(/Destroys test-website \(823\): its disks are deleted/);
      const form = await formIn(await seat.press(plan, buttonOf(plan, 'Approve (destroys 1 guest)')));
      expect(form.title).toBe('Destroy 1 guest?');
      expect(form.words).toContain('test-website (823) is destroyed and its disks are deleted');
      const wrong = await seat.fill(form, { names: 'test-worker' });
      await answered(wrong, /Type test-website/);
      expect(newestRun(world).phase).toBe('planned');
      await seat.fill(await seat.again(wrong, form), { names: 'test-website' });
      const applied = await become(seat, plan, /^Applied: destroyed 1$/);
      expect(world.simulator.guest(823)).toBeUndefined();
      expect(applied.words).toMatch(/destroyed +test-website \(823\)/);
    }, 60_000);

    it('kept to the pace in every message, and logged no error', () => {
      for (const times of seat.edits().values()) {
        const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
        expect(Math.min(...gaps, 3000)).toBeGreaterThanOrEqual(2995);
      }
      const lines = world.logged.map((line) => JSON.parse(line));
      expect(lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    });
  });
}
