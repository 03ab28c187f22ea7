import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Answer,
  type Chat,
  type ChatHandlers,
  type CommandRequest,
  type Completion,
  type Form,
  type MessageRef,
  type Place,
  type Press,
  RetryLater,
  type Submission,
} from '../../src/chat/chat.ts';
import { cleanAnswer, cleanCard, Delivery } from '../../src/pipeline/delivery.ts';
import type { Button, Card, PersonRef } from '../../src/views/card.ts';
import { ManualClock } from '../pipeline/support/clock.ts';
import { noPages } from '../support/no-pages.ts';

/** A message as everybody in the channel reads it: its words after the chat's own formatting. */
export interface Seen {
  readonly text: string;
  /** The labels of its buttons. */
  readonly buttons: readonly string[];
  readonly replies: readonly string[];
}

/** What the one who pressed, typed or filled in gets to see. `text` holds all its words. */
export interface AskerSees {
  readonly kind: Answer['kind'];
  readonly text: string;
  /** Of an invalid form: the field it is said beside. */
  readonly field?: string;
}

/** How the suite works with one kind of chat; every `make` is over the same channel, so a second one is a restart. */
export interface ChatHarness {
  make(): Promise<Chat>;
  shown(): Promise<readonly Seen[]>;
  press(button: Button): Promise<AskerSees>;
  command(text: string): Promise<AskerSees>;
  submit(form: Form, values: Readonly<Record<string, string>>): Promise<AskerSees>;
  /** Types `option` of `/proxnix <command>`, with the other options typed before it; absent: the chat completes nothing. */
  complete?(command: string, option: string, typed: string, args: Readonly<Record<string, string>>): Promise<unknown>;
  /** Makes the chat unreachable, or reachable again. */
  down(isDown: boolean): Promise<void>;
  /** Takes the message away behind the adapter's back. @returns a ref that names a message which is not there. */
  lose(ref: MessageRef): Promise<MessageRef>;
  /** Refuses the next edit with a rate limit that names a wait in seconds, or none. A chat without limits says so. */
  readonly limitEdit: ((seconds: number | undefined) => void) | 'has none';
  /** Makes every message too old to be edited. A chat that edits messages of any age says so. */
  readonly age: (() => void) | 'has none';
  /** The files that lie in threads, by name; absent: the chat shows files in the message. */
  files?(): readonly string[];
  /** Who presses, and where. */
  readonly person: PersonRef;
  readonly place: Place;
  close(): Promise<void>;
}

const approve: Button = { action: 'approve', label: 'Approve', style: 'primary', runId: 'r-41', planId: 'p-7f3c2a' };
const planCard: Card = {
  tone: 'waiting',
  title: 'Plan: create 1',
  blocks: [
    { kind: 'text', rich: ['worker: bump kernel'] },
    { kind: 'lines', lines: [{ mark: '+', text: 'test-init (820)  create' }] },
  ],
  buttons: [approve],
  files: [],
};
const doneCard: Card = { tone: 'good', title: 'Applied: created 1', blocks: [], buttons: [], files: [] };
const form: Form = {
  id: 'px1:confirm:r-41:p-7f3c2a',
  title: 'Destroy 1 guest?',
  text: ['There is no way back.'],
  fields: [{ name: 'names', label: 'Type the name', required: true }],
  submit: 'Approve',
  danger: true,
};
const hostile = '<img src=x onerror=alert(1)> **bold** _it_ `tick` @everyone <!channel> <@1> [a](http://b.example)';

const same = (text: string): string => text;

/** What every chat must do, run over each of them. */
export function chatContract(name: string, open: () => Promise<ChatHarness>): void {
  describe(`${name} as a chat`, () => {
    let harness: ChatHarness;
    let chat: Chat;
    let handlers: Recorder;

    beforeEach(async () => {
      harness = await open();
      handlers = recorder();
      chat = await harness.make();
      await chat.start(handlers);
    });
    afterEach(async () => {
      await chat.stop();
      await harness.close();
    });

    it('shows a card with its words and buttons', async () => {
      await chat.show('homelab', planCard, {});
      const [seen, ...more] = await harness.shown();
      expect(more).toEqual([]);
      expect(seen?.buttons).toEqual(['Approve']);
      for (const words of ['Plan: create 1', 'worker: bump kernel', '+', 'test-init (820)  create']) {
        expect(seen?.text).toContain(words);
      }
    });

    it('edits the message that the ref names, and tells the same ref again', async () => {
      const ref = await chat.show('homelab', planCard, {});
      expect(ref[chat.name]).toEqual(expect.any(String));
      expect(await chat.show('homelab', doneCard, ref)).toEqual(ref);
      const seen = await harness.shown();
      expect(seen).toHaveLength(1);
      expect(seen[0]?.text).toContain('Applied: created 1');
      expect(seen[0]?.text).not.toContain('Plan: create 1');
      expect(seen[0]?.buttons).toEqual([]);
    });

    it('posts anew when the message is gone', async () => {
      const ref = await harness.lose(await chat.show('homelab', planCard, {}));
      const again = await chat.show('homelab', doneCard, ref);
      expect(again[chat.name]).not.toBe(ref[chat.name]);
      expect((await harness.shown()).at(-1)?.text).toContain('Applied: created 1');
    });

    it('finds its message again after a restart', async () => {
      const ref = await chat.show('homelab', planCard, {});
      await chat.stop();
      chat = await harness.make();
      await chat.start(handlers);
      expect(await chat.show('homelab', doneCard, ref)).toEqual(ref);
      const seen = await harness.shown();
      expect(seen.map(({ text }) => text.includes('Applied: created 1'))).toEqual([true]);
    });

    it('adds a reply to the thread of the message', async () => {
      const ref = await chat.show('homelab', planCard, {});
      await chat.reply('homelab', doneCard, ref);
      const [seen, ...more] = await harness.shown();
      expect(more).toEqual([]);
      expect(seen?.replies).toEqual([expect.stringContaining('Applied: created 1')]);
      expect(seen?.text).toContain('Plan: create 1');
    });

    it('shows text from outside as it is', async () => {
      const lines = { kind: 'lines', lines: [{ text: 'a ``` b' }] } as const;
      const blocks = [{ kind: 'text', rich: [hostile, { bold: '**x**' }, { code: 'a`b' }] }, lines] as const;
      await chat.show('homelab', { ...planCard, title: `Plan: ${hostile}`, blocks }, {});
      const text = (await harness.shown())[0]?.text ?? '';
      expect(text.split(hostile)).toHaveLength(3);
      for (const words of ['**x**', 'a`b', 'a ``` b']) expect(text).toContain(words);
    });

    it('shows text that passed the output gate without what is not seen, as every chat does', async () => {
      const name = 'web\u200b\u2060\u{e0041}site';
      const blocks = [
        { kind: 'text', rich: [name, { bold: name }, { code: name }] },
        { kind: 'small', rich: [name] },
        { kind: 'warning', rich: [{ link: 'https://git.example', text: name }] },
        { kind: 'lines', lines: [{ text: name }] },
        { kind: 'progress', label: name, text: name },
      ] as const;
      const card = { ...planCard, title: name, blocks, buttons: [{ ...approve, label: name }] };
      const ref = await chat.show('homelab', cleanCard(card, same), {});
      await chat.reply('homelab', cleanCard(card, same), ref);
      const [seen] = await harness.shown();
      const words = [seen?.text, ...(seen?.replies ?? [])].join('\n');
      expect(words.match(/website/g)?.length).toBeGreaterThanOrEqual(16);
      expect(words).not.toMatch(/U\+200B|U\+E0041|[\u200b\u2060\u{e0041}]/u);
      expect(seen?.buttons).toEqual(['website']);

      const asked = { ...form, title: name, text: [name], fields: [{ name: 'names', label: name, required: true }] };
      const answers: readonly Answer[] = [
        { kind: 'note', text: name },
        { kind: 'card', card },
        { kind: 'form', form: asked },
      ];
      for (const answer of answers) {
        handlers.answer = cleanAnswer(answer, same);
        const mine = await harness.command('/proxnix status');
        expect(mine.text).toContain('website');
        expect(mine.text).not.toMatch(/[\u200b\u2060\u{e0041}]/u);
      }
    });

    it('hands over a press with its ids, its person and its place', async () => {
      await chat.show('homelab', planCard, {});
      expect((await harness.press(approve)).kind).toBe('none');
      expect(handlers.presses).toEqual([
        {
          action: 'approve',
          runId: 'r-41',
          planId: 'p-7f3c2a',
          person: expect.objectContaining(idsOf(harness.person)),
          place: harness.place,
        },
      ]);
    });

    it('hands over a command with its arguments by name', async () => {
      await harness.command('/proxnix reject r-41 p-7f3c2a not today');
      expect(handlers.requests).toEqual([
        {
          name: 'reject',
          args: { run: 'r-41', plan: 'p-7f3c2a', reason: 'not today' },
          person: expect.objectContaining(idsOf(harness.person)),
          place: harness.place,
        },
      ]);
    });

    it('hands over what is being typed with what stands beside it, its person and its place, where it completes', async () => {
      if (harness.complete === undefined) return expect(chat.name).toBe('slack');
      const suggested = await harness.complete('reject', 'plan', 'p-', { run: 'r-41' });
      expect(handlers.completions).toEqual([
        {
          command: 'reject',
          option: expect.objectContaining({ name: 'plan' }),
          typed: 'p-',
          args: { run: 'r-41' },
          person: expect.objectContaining(idsOf(harness.person)),
          place: harness.place,
        },
      ]);
      expect(suggested).toEqual(['p-7f3c2a']);
    });

    it('answers privately: only the asker sees a note and its code', async () => {
      await chat.show('homelab', planCard, {});
      handlers.answer = { kind: 'note', text: 'Only deployers may approve.', code: 'not-an-approver' };
      const mine = await harness.press(approve);
      expect(mine.kind).toBe('note');
      expect(mine.text).toContain('Only deployers may approve.');
      expect(mine.text).toContain('not-an-approver');
      expect(JSON.stringify(await harness.shown())).not.toContain('Only deployers');
    });

    it('answers privately with a card', async () => {
      handlers.answer = { kind: 'card', card: { ...doneCard, title: 'Status: 4 VMs' } };
      const mine = await harness.command('/proxnix status');
      expect(mine.kind).toBe('card');
      expect(mine.text).toContain('Status: 4 VMs');
      expect(await harness.shown()).toEqual([]);
    });

    it('asks with a form, hands over what was filled in, and keeps it open on a wrong field', async () => {
      await chat.show('homelab', planCard, {});
      handlers.answer = { kind: 'form', form };
      const asked = await harness.press(approve);
      expect(asked.kind).toBe('form');
      for (const words of ['Destroy 1 guest?', 'There is no way back.', 'Type the name']) {
        expect(asked.text).toContain(words);
      }
      handlers.answer = { kind: 'invalid', field: 'names', text: 'This is not its name.' };
      const wrong = await harness.submit(form, { names: 'website' });
      expect(wrong).toMatchObject({ kind: 'invalid', field: 'names' });
      expect(wrong.text).toContain('This is not its name.');
      handlers.answer = { kind: 'none' };
      expect((await harness.submit(form, { names: 'test-website' })).kind).toBe('none');
      expect(handlers.submissions.map(({ formId, values }) => [formId, values])).toEqual([
        [form.id, { names: 'website' }],
        [form.id, { names: 'test-website' }],
      ]);
      expect(handlers.submissions[0]?.person).toMatchObject(idsOf(harness.person));
    });

    it('says how long it must wait when an edit is limited, and replies meanwhile', async ({ skip }) => {
      if (harness.limitEdit === 'has none') return skip('this chat has no limits');
      const ref = await chat.show('homelab', planCard, {});
      harness.limitEdit(2);
      const refused = await refusalOf(chat.show('homelab', doneCard, ref));
      expect(refused.ms).toBeGreaterThanOrEqual(2000);
      expect(refused.ms).toBeLessThan(3000);
      expect(refused.reason).toMatch(/limits/);
      await chat.reply('homelab', doneCard, ref);
      expect((await harness.shown())[0]?.replies).toEqual([expect.stringContaining('Applied: created 1')]);
    });

    it('says that it must wait when the limit names no time', async ({ skip }) => {
      if (harness.limitEdit === 'has none') return skip('this chat has no limits');
      for (const seconds of [undefined, 0]) {
        const ref = await chat.show('homelab', planCard, {});
        harness.limitEdit(seconds);
        const refused = await refusalOf(chat.show('homelab', doneCard, ref));
        expect(refused.ms ?? 0).toBeLessThan(1000);
        expect(refused.reason).toMatch(/limits/);
        expect(await chat.show('homelab', doneCard, ref)).toEqual(ref);
      }
    });

    it('replaces a message that is too old to be edited, at once, and takes the old one away', async ({ skip }) => {
      if (harness.age === 'has none') return skip('this chat edits messages of any age');
      const ref = await chat.show('homelab', planCard, {});
      harness.age();
      const moved = await chat.show('homelab', doneCard, ref);
      expect(moved[chat.name]).not.toBe(ref[chat.name]);
      expect((await harness.shown()).map(({ text }) => text)).toEqual([expect.stringContaining('Applied: created 1')]);
      expect(await chat.show('homelab', planCard, moved)).toEqual(moved);
    });

    it('adds the files of a card to its thread, each once, also after a restart', async () => {
      if (harness.files === undefined) return expect('attach' in chat).toBe(false);
      const file = { name: 'plan.diff', title: 'The whole plan', text: '+ test-init\n' };
      const log = { ...file, name: 'run.log' };
      const ref = await chat.show('homelab', planCard, {});
      const attached = (await chat.attach?.('homelab', { ...planCard, files: [file] }, ref)) ?? ref;
      await chat.stop();
      chat = await harness.make();
      await chat.start(handlers);
      await chat.attach?.('homelab', { ...planCard, files: [file, log] }, attached);
      expect(harness.files()).toEqual(['plan.diff', 'run.log']);
      expect(await harness.shown()).toHaveLength(1);
    });

    describe('behind the delivery', () => {
      const clock = new ManualClock();
      const logged: string[] = [];
      const deliver = (): Delivery => {
        const write = (facts: object): void => void logged.push(JSON.stringify(facts));
        return new Delivery(
          {
            chats: [chat],
            clock,
            log: { debug: write, info: write, warn: write, error: write },
            gate: (text) => text,
            editEveryMs: () => 0,
            store: { runs: () => [], saveMessages: async () => undefined },
          },
          { shown: { onCard: () => undefined }, reachability: { note: () => undefined } },
        );
      };
      const shows = (check: (seen: Seen | undefined) => void) =>
        vi.waitFor(async () => check((await harness.shown())[0]), { timeout: 10_000 });

      it('brings a reply while an edit is limited, then the newest card only', async ({ skip }) => {
        if (harness.limitEdit === 'has none') return skip('this chat has no limits');
        const delivery = deliver();
        delivery.show('r-41', 'homelab', () => planCard);
        await shows((seen) => expect(seen?.text).toContain('Plan: create 1'));
        harness.limitEdit(90);
        delivery.show('r-41', 'homelab', () => ({ ...doneCard, title: 'Applying' }));
        delivery.reply('r-41', 'homelab', { ...doneCard, title: 'It is done' });
        await shows((seen) => expect(seen?.replies).toEqual([expect.stringContaining('It is done')]));
        delivery.show('r-41', 'homelab', () => doneCard);
        expect((await harness.shown())[0]?.text).toContain('Plan: create 1');
        expect(logged.at(-1)).toMatch(/limits.*"retryInMs":90\d{3}\b/);
        await clock.advance(91_000);
        await shows((seen) => expect(seen?.text).toContain('Applied: created 1'));
      });

      it('shows what was sent while it was down, once', async () => {
        const delivery = deliver();
        delivery.show('r-41', 'homelab', () => planCard);
        await shows((seen) => expect(seen?.text).toContain('Plan: create 1'));
        await harness.down(true);
        delivery.show('r-41', 'homelab', () => doneCard);
        delivery.reply('r-41', 'homelab', doneCard);
        await delivery.flush();
        await harness.down(false);
        await delivery.flush();
        const [seen, ...more] = await harness.shown();
        expect(more).toEqual([]);
        expect(seen?.text).toContain('Applied: created 1');
        expect(seen?.replies).toHaveLength(1);
      });
    });

    it('rejects while it is down, and shows the same card when it is back', async () => {
      const ref = await chat.show('homelab', planCard, {});
      await harness.down(true);
      await expect(chat.show('homelab', doneCard, ref)).rejects.toThrow();
      await expect(chat.reply('homelab', doneCard, ref)).rejects.toThrow();
      await harness.down(false);
      expect(await chat.show('homelab', doneCard, ref)).toEqual(ref);
      await chat.reply('homelab', doneCard, ref);
      const [seen, ...more] = await harness.shown();
      expect(more).toEqual([]);
      expect(seen?.text).toContain('Applied: created 1');
      expect(seen?.replies).toHaveLength(1);
    });
  });
}

async function refusalOf(call: Promise<unknown>): Promise<RetryLater> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RetryLater);
  return error as RetryLater;
}

function idsOf({ chat, id }: PersonRef): Pick<PersonRef, 'chat' | 'id'> {
  return { chat, id };
}

/** Handlers that write down what they are asked and answer as told. */
interface Recorder extends ChatHandlers {
  readonly requests: CommandRequest[];
  readonly presses: Press[];
  readonly submissions: Submission[];
  readonly completions: Completion[];
  answer: Answer;
}

function recorder(): Recorder {
  const run = { name: 'run', description: 'a run', required: true } as const;
  const plan = { name: 'plan', description: 'a plan', required: false, complete: 'plan' } as const;
  const reason = { name: 'reason', description: 'why', required: false, rest: true } as const;
  const handlers: Recorder = {
    answer: { kind: 'none' },
    requests: [],
    presses: [],
    submissions: [],
    completions: [],
    commands: [
      { name: 'status', description: 'what runs', options: [] },
      { name: 'reject', description: 'rejects a plan', options: [run, plan, reason] },
    ],
    command: (request) => {
      handlers.requests.push(request);
      return Promise.resolve(handlers.answer);
    },
    press: (press) => {
      handlers.presses.push(press);
      return Promise.resolve(handlers.answer);
    },
    submit: (submission) => {
      handlers.submissions.push(submission);
      return Promise.resolve(handlers.answer);
    },
    complete: (completion) => {
      handlers.completions.push(completion);
      return Promise.resolve(['p-7f3c2a']);
    },
    ...noPages,
  };
  return handlers;
}
