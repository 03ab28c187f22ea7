import { describe, expect, it } from 'vitest';
import { type Chat, type MessageRef, RetryLater } from '../../src/chat/chat.ts';
import { UserError } from '../../src/core/errors.ts';
import { Delivery } from '../../src/pipeline/delivery.ts';
import type { Card } from '../../src/views/card.ts';
import { FakeChat } from '../fakes/chat.ts';
import { noPages } from '../support/no-pages.ts';
import { aBench } from '../support/pipeline.ts';
import { gate, ManualClock, turn, until } from './support/clock.ts';
import { threeVms } from './support/fleet.ts';

function aCard(title: string): Card {
  return { tone: 'quiet', title, blocks: [], buttons: [], files: [] };
}

/** A delivery to one fake chat that may edit every 3 s. */
async function aDelivery(chat: Chat = new FakeChat()) {
  const clock = new ManualClock();
  const logged: { readonly facts: object; readonly message: string }[] = [];
  const note = (facts: object, message: string) => void logged.push({ facts, message });
  const shown: MessageRef[] = [];
  const cards: string[] = [];
  const delivery = new Delivery(
    {
      chats: [chat],
      clock,
      log: { debug: note, info: note, warn: note, error: note },
      gate: (text) => text,
      editEveryMs: () => 3000,
      store: { runs: () => [], saveMessages: async (_, ref) => void shown.push(ref) },
    },
    {
      shown: { onCard: (name, runId, card) => void cards.push(`${name} ${runId} ${card.title}`) },
      reachability: { note: () => undefined },
    },
  );
  await chat.start({
    commands: [],
    command: async () => ({ kind: 'none' }),
    press: async () => ({ kind: 'none' }),
    submit: async () => ({ kind: 'none' }),
    complete: async () => [],
    ...noPages,
  });
  const show = (title: string) => delivery.show('r-1', 'acme', () => aCard(title));
  const reply = (title: string) => delivery.reply('r-1', 'acme', aCard(title));
  return { clock, delivery, shown, cards, logged, show, reply };
}

function titles(chat: FakeChat): readonly string[] {
  return chat.messages.flatMap(({ cards }) => cards.map(({ title }) => title));
}

describe('the delivery', () => {
  it('edits at most once in its interval, and the newest card wins', async () => {
    const chat = new FakeChat();
    const { clock, show } = await aDelivery(chat);
    show('0');
    await turn();
    for (let n = 1; n <= 50; n++) {
      show(String(n));
      await clock.advance(100);
    }
    await clock.advance(3000);
    const seen = titles(chat);
    expect(seen.at(0)).toBe('0');
    expect(seen.at(-1)).toBe('50');
    expect(seen.length).toBeLessThanOrEqual(1 + Math.ceil(8000 / 3000));
    expect(chat.messages).toHaveLength(1);
  });

  it('shows the final card whatever microtask it comes in', async () => {
    for (let ticks = 0; ticks < 60; ticks++) {
      const chat = new FakeChat();
      const { clock, show } = await aDelivery(chat);
      show('first');
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      show('final');
      await clock.advance(3000);
      expect(titles(chat).at(-1), `after ${ticks} ticks`).toBe('final');
    }
  });

  it('replies in whatever microtask the reply comes in', async () => {
    for (let ticks = 0; ticks < 60; ticks++) {
      const chat = new FakeChat();
      const { clock, show, reply } = await aDelivery(chat);
      show('final');
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      reply('done');
      await clock.advance(3000);
      expect(chat.messages.at(0)?.replies, `after ${ticks} ticks`).toHaveLength(1);
    }
  });

  it('replies only below the state that the reply speaks of', async () => {
    const log: string[] = [];
    const chat = new FakeChat();
    const show = chat.show.bind(chat);
    const reply = chat.reply.bind(chat);
    chat.show = async (...args) => {
      log.push(`show ${args[1].title}`);
      return show(...args);
    };
    chat.reply = async (...args) => {
      log.push(`reply ${args[1].title}`);
      return reply(...args);
    };
    const bench = await aDelivery(chat);
    bench.show('planned');
    await turn();
    bench.show('applied');
    bench.reply('it is done');
    await bench.clock.advance(3000);
    expect(log).toEqual(['show planned', 'show applied', 'reply it is done']);
  });

  it('tries a chat that is down again, later and later, and catches up with the newest card only', async () => {
    const chat = new FakeChat();
    const bench = await aDelivery(chat);
    chat.down = true;
    let tries = 0;
    const show = chat.show.bind(chat);
    chat.show = async (...args) => {
      tries++;
      return show(...args);
    };
    for (let n = 0; n < 20; n++) {
      bench.show(String(n));
      await bench.clock.advance(1000);
    }
    await bench.clock.advance(10 * 60_000);
    expect(tries).toBeLessThan(25);
    expect(titles(chat)).toEqual([]);
    chat.down = false;
    await bench.clock.advance(60_000);
    expect(titles(chat)).toEqual(['19']);
    expect(bench.shown).toEqual([{ console: 'm-1' }]);
  });

  it('posts once, however many cards come while the first is being posted', async () => {
    const chat = new FakeChat();
    const held = gate();
    const show = chat.show.bind(chat);
    chat.show = async (...args) => {
      await held.opened;
      return show(...args);
    };
    const bench = await aDelivery(chat);
    for (let n = 0; n < 10; n++) bench.show(String(n));
    await turn();
    held.open();
    await bench.clock.advance(3000);
    expect(chat.messages).toHaveLength(1);
    expect(titles(chat).at(-1)).toBe('9');
  });

  it('does not wait for a chat that is down when it is flushed', async () => {
    const chat = new FakeChat();
    const bench = await aDelivery(chat);
    chat.down = true;
    bench.show('planned');
    await bench.delivery.flush();
    chat.down = false;
    await bench.delivery.flush();
    expect(titles(chat)).toEqual(['planned']);
  });

  it('flushes what waits for its pace at once', async () => {
    const chat = new FakeChat();
    const bench = await aDelivery(chat);
    bench.show('planned');
    await turn();
    bench.show('applied');
    bench.reply('done');
    await bench.delivery.flush();
    expect(titles(chat)).toEqual(['planned', 'applied']);
    expect(chat.messages.at(0)?.replies).toHaveLength(1);
  });
});

/** A chat whose calls are written down; `refuse` says with what a call fails, if it does. */
function aRecorder(refuse: (call: string) => Error | undefined = () => undefined) {
  const calls: string[] = [];
  const chat = new FakeChat();
  const { show, reply } = { show: chat.show.bind(chat), reply: chat.reply.bind(chat) };
  let running = 0;
  const take = async <T>(call: string, work: () => Promise<T>): Promise<T> => {
    calls.push(call);
    running += 1;
    expect(running, 'calls at once').toBe(1);
    try {
      // A call that begins meanwhile would be counted; the clock of the tests waits for every microtask.
      for (let tick = 0; tick < 20; tick++) await Promise.resolve();
      const error = refuse(call);
      if (error !== undefined) throw error;
      return await work();
    } finally {
      running -= 1;
    }
  };
  chat.show = (fleet, card, ref) => take(`show ${card.title}`, () => show(fleet, card, ref));
  chat.reply = (fleet, card, ref) => take(`reply ${card.title}`, () => reply(fleet, card, ref));
  const attach: NonNullable<Chat['attach']> = (_, card, ref) =>
    take(`attach ${card.title}`, () => Promise.resolve(ref));
  return { chat, calls, attach };
}

describe('a chat that does not take a card now', () => {
  it('gets the reply at once all the same, when it limits the edit', async () => {
    let limit: Error | undefined;
    const { chat, calls } = aRecorder((call) => (call === 'show applied' ? limit : undefined));
    const bench = await aDelivery(chat);
    bench.show('planned');
    await bench.clock.advance(3000);
    limit = new RetryLater(60_000, 'edits are limited');
    bench.show('applied');
    bench.reply('it is done');
    await bench.clock.advance(100);
    expect(calls).toEqual(['show planned', 'show applied', 'reply it is done']);
    bench.reply('one more');
    await bench.clock.advance(100);
    expect(calls.at(-1)).toBe('reply one more');
    limit = undefined;
    await bench.clock.advance(60_000);
    expect(calls.slice(4)).toEqual(['show applied']);
  });

  it('gets the reply at once all the same, when it refuses the edit', async () => {
    const { chat, calls } = aRecorder((call) =>
      call === 'show applied' ? new UserError('invalid_blocks') : undefined,
    );
    const bench = await aDelivery(chat);
    bench.show('planned');
    await bench.clock.advance(3000);
    bench.show('applied');
    bench.reply('it is done');
    await bench.clock.advance(100);
    expect(calls.slice(0, 3)).toEqual(['show planned', 'show applied', 'reply it is done']);
    expect(chat.messages[0]?.replies.map(({ title }) => title)).toEqual(['it is done']);
  });

  it('gets no reply before it has the message that the reply belongs to', async () => {
    let limit: Error | undefined = new RetryLater(30_000, 'posts are limited');
    const { chat, calls } = aRecorder((call) => (call === 'show applied' ? limit : undefined));
    const bench = await aDelivery(chat);
    bench.show('applied');
    bench.reply('it is done');
    await bench.clock.advance(1000);
    limit = undefined;
    await bench.clock.advance(30_000);
    expect(calls).toEqual(['show applied', 'show applied', 'reply it is done']);
  });

  it('is given the time that it names, and the log has the reason', async () => {
    let limit: Error | undefined = new RetryLater(7000, 'edits are limited');
    const { chat, calls } = aRecorder(() => limit);
    const bench = await aDelivery(chat);
    bench.show('planned');
    await bench.clock.advance(6900);
    expect(calls).toHaveLength(1);
    expect(bench.logged).toEqual([
      {
        facts: { chat: 'console', run: 'r-1', reason: 'edits are limited', retryInMs: 7000 },
        message: expect.stringContaining('asks to wait'),
      },
    ]);
    limit = undefined;
    await bench.clock.advance(100);
    expect(titles(chat)).toEqual(['planned']);
  });

  it('is given a second, then more each time in a row, when it names no wait or none at all', async () => {
    for (const ms of [undefined, 0]) {
      let limit: Error | undefined = new RetryLater(ms, 'edits are limited');
      const { chat } = aRecorder(() => limit);
      const bench = await aDelivery(chat);
      const waits = () => bench.logged.map(({ facts }) => (facts as { retryInMs: number }).retryInMs);
      bench.show('planned');
      await bench.clock.advance(1000 + 2000 + 4000);
      expect(waits()).toEqual([1000, 2000, 4000, 8000]);
      await bench.clock.advance(60 * 60_000);
      expect(Math.max(...waits())).toBe(60_000);
      limit = undefined;
      await bench.clock.advance(60_000);
      expect(titles(chat)).toEqual(['planned']);
      limit = new RetryLater(ms, 'edits are limited');
      await bench.clock.advance(3000);
      bench.show('applied');
      await bench.clock.advance(100);
      expect(waits().at(-1)).toBe(1000);
    }
  });

  it('gets the card before the reply when it is back, however long the two waited', async () => {
    let isDown = false;
    const { chat, calls } = aRecorder(() => (isDown ? new Error('no answer') : undefined));
    const bench = await aDelivery(chat);
    bench.show('planned');
    await bench.clock.advance(3000);
    isDown = true;
    bench.show('applied');
    await bench.clock.advance(10 * 60_000);
    bench.reply('it is done');
    await bench.clock.advance(100);
    isDown = false;
    calls.length = 0;
    await bench.clock.advance(60_000);
    expect(calls).toEqual(['show applied', 'reply it is done']);
  });
});

describe('the files of a card', () => {
  const attaching = (refuse?: (call: string) => Error | undefined) => {
    const { chat, calls, attach } = aRecorder(refuse);
    return { chat: Object.assign(chat, { attach }), calls };
  };

  it('are attached after the card and its reply', async () => {
    const { chat, calls } = attaching();
    const bench = await aDelivery(chat);
    bench.show('applied');
    bench.reply('it is done');
    await bench.clock.advance(100);
    expect(calls).toEqual(['show applied', 'reply it is done', 'attach applied', 'attach it is done']);
  });

  it('are tried again when the chat did not take them, and hold up nothing', async () => {
    let isLimited = true;
    const { chat, calls } = attaching((call) =>
      call.startsWith('attach') && isLimited ? new RetryLater(undefined, 'files are limited') : undefined,
    );
    const bench = await aDelivery(chat);
    bench.show('planned');
    await bench.clock.advance(3000);
    bench.show('applied');
    bench.reply('it is done');
    await bench.clock.advance(100);
    expect(calls.slice(-2)).toEqual(['show applied', 'reply it is done']);
    isLimited = false;
    calls.length = 0;
    await bench.clock.advance(10_000);
    expect(calls).toEqual(['attach applied', 'attach it is done']);
  });

  it('do not let a card that comes meanwhile be shown before its time', async () => {
    const { chat } = aRecorder();
    const held = gate();
    const attach: Chat['attach'] = async (_fleet, _card, ref) => {
      await held.opened;
      return ref;
    };
    const bench = await aDelivery(Object.assign(chat, { attach }));
    bench.show('planned');
    await bench.clock.advance(100);
    bench.show('applied');
    held.open();
    await bench.clock.advance(2800);
    expect(titles(chat)).toEqual(['planned']);
    await bench.clock.advance(100);
    expect(titles(chat)).toEqual(['planned', 'applied']);
  });

  it('are given up when the chat refuses them, which the log says once', async () => {
    const { chat, calls } = attaching((call) =>
      call.startsWith('attach') ? new UserError('missing_scope') : undefined,
    );
    const bench = await aDelivery(chat);
    bench.show('planned');
    await bench.clock.advance(60 * 60_000);
    expect(calls).toEqual(['show planned', 'attach planned']);
    expect(bench.logged.map(({ message }) => message)).toEqual(['files were refused']);
  });

  it('move the reference that is saved', async () => {
    const { chat } = aRecorder();
    const attach: Chat['attach'] = async () => ({ console: 'm-1+plan.diff' });
    const bench = await aDelivery(Object.assign(chat, { attach }));
    bench.show('planned');
    await bench.clock.advance(100);
    expect(bench.shown).toEqual([{ console: 'm-1' }, { console: 'm-1+plan.diff' }]);
  });
});

describe('the delivery, when the clock is set', () => {
  it('back an hour, does not wait an hour', async () => {
    const chat = new FakeChat();
    const { clock, show } = await aDelivery(chat);
    show('planned');
    await turn();
    clock.jump(-60 * 60_000);
    show('applied');
    await clock.advance(3000);
    expect(titles(chat).at(-1)).toBe('applied');
  });
});

describe('a chat that is down', () => {
  it('for a whole deploy changes nothing, and is caught up with afterwards', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.chat.down = true;
    await bench.press('approve');
    await until(() => bench.pipeline.run('r-1')?.phase === 'applied');
    expect(bench.errors()).toEqual([]);
    expect(bench.text()).toMatch(/^Plan/);
    bench.chat.down = false;
    await bench.clock.advance(60_000);
    expect(bench.text()).toMatch(/^Applied/);
    expect(bench.chat.messages).toHaveLength(1);
    expect(bench.message('r-1').replies).toHaveLength(1);
  });

  it('does not hold up another chat', async () => {
    const slack = new FakeChat({ name: 'slack' });
    const bench = await aBench({ chats: [new FakeChat(), slack] });
    slack.down = true;
    await bench.push(1);
    expect(bench.text()).toMatch(/^Plan/);
    slack.down = false;
    await bench.clock.advance(60_000);
    expect(slack.card()?.title).toMatch(/^Plan/);
  });

  it('and comes back in another process shows the final state there too', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.chat.down = true;
    await bench.press('approve');
    await until(() => bench.pipeline.run('r-1')?.phase === 'applied');
    await bench.restart();
    await bench.settle();
    expect(bench.text()).toMatch(/^Applied/);
    expect(bench.chat.messages).toHaveLength(1);
  });
});

describe('where a card is shown', () => {
  it('is saved beside the run, whatever is saved of the run at that moment', async () => {
    const bench = await aBench();
    const posting = gate();
    const show = bench.chat.show.bind(bench.chat);
    bench.chat.show = async (...args) => {
      await posting.opened;
      return show(...args);
    };
    const saving = gate();
    bench.store.waits = (write) =>
      write.kind === 'run' && write.saved.run.phase === 'planned' ? saving.opened : undefined;
    bench.commit(1, { vms: threeVms() });
    bench.report();
    await bench.clock.advance(500);
    // The plan is being written while the chat answers where the card is.
    posting.open();
    await turn();
    saving.open();
    await bench.settle();
    expect(bench.run('planned')).toBeDefined();
    expect(bench.store.onDisk('r-1')).toMatchObject({ run: { phase: 'planned' }, messages: { console: 'm-1' } });
  });

  it('is posted anew when the message is gone', async () => {
    const bench = await aBench();
    await bench.push(1);
    bench.chat.messages.length = 0;
    await bench.chat.command('/proxnix approve 1');
    await bench.settle();
    expect(bench.chat.messages).toHaveLength(1);
    expect(bench.text()).toMatch(/^Applied/);
    expect(bench.message('r-1').cards.at(-1)?.title).toMatch(/^Applied/);
  });
});
