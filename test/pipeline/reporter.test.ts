import { describe, expect, it } from 'vitest';
import type { Chat, MessageRef } from '../../src/chat/chat.ts';
import { Reporter } from '../../src/pipeline/reporter.ts';
import type { Card } from '../../src/views/card.ts';
import { FakeChat } from '../fakes/chat.ts';
import { aBench } from '../support/pipeline.ts';
import { gate, ManualClock, turn, until } from './support/clock.ts';
import { threeVms } from './support/fleet.ts';

function aCard(title: string): Card {
  return { tone: 'quiet', title, blocks: [], buttons: [], files: [] };
}

/** A reporter over one fake chat that may edit every 3 s. */
async function aReporter(chat: Chat = new FakeChat()) {
  const clock = new ManualClock();
  const shown: MessageRef[] = [];
  const cards: string[] = [];
  const reporter = new Reporter({
    chats: [chat],
    clock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    gate: (text) => text,
    editEveryMs: () => 3000,
    onShown: (_, ref) => shown.push(ref),
    onCard: (name, runId, card) => cards.push(`${name} ${runId} ${card.title}`),
  });
  await chat.start({
    commands: [],
    command: async () => ({ kind: 'none' }),
    press: async () => ({ kind: 'none' }),
    submit: async () => ({ kind: 'none' }),
    complete: async () => [],
  });
  const show = (title: string) => reporter.show('r-1', 'acme', () => aCard(title), {});
  const reply = (title: string) => reporter.reply('r-1', 'acme', aCard(title), {});
  return { clock, reporter, shown, cards, show, reply };
}

function titles(chat: FakeChat): readonly string[] {
  return chat.messages.flatMap(({ cards }) => cards.map(({ title }) => title));
}

describe('the reporter', () => {
  it('edits at most once in its interval, and the newest card wins', async () => {
    const chat = new FakeChat();
    const { clock, show } = await aReporter(chat);
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
      const { clock, show } = await aReporter(chat);
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
      const { clock, show, reply } = await aReporter(chat);
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
    const bench = await aReporter(chat);
    bench.show('planned');
    await turn();
    bench.show('applied');
    bench.reply('it is done');
    await bench.clock.advance(3000);
    expect(log).toEqual(['show planned', 'show applied', 'reply it is done']);
  });

  it('tries a chat that is down again, later and later, and catches up with the newest card only', async () => {
    const chat = new FakeChat();
    const bench = await aReporter(chat);
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
    const bench = await aReporter(chat);
    for (let n = 0; n < 10; n++) bench.show(String(n));
    await turn();
    held.open();
    await bench.clock.advance(3000);
    expect(chat.messages).toHaveLength(1);
    expect(titles(chat).at(-1)).toBe('9');
  });

  it('does not wait for a chat that is down when it is flushed', async () => {
    const chat = new FakeChat();
    const bench = await aReporter(chat);
    chat.down = true;
    bench.show('planned');
    await bench.reporter.flush();
    chat.down = false;
    await bench.reporter.flush();
    expect(titles(chat)).toEqual(['planned']);
  });

  it('flushes what waits for its pace at once', async () => {
    const chat = new FakeChat();
    const bench = await aReporter(chat);
    bench.show('planned');
    await turn();
    bench.show('applied');
    bench.reply('done');
    await bench.reporter.flush();
    expect(titles(chat)).toEqual(['planned', 'applied']);
    expect(chat.messages.at(0)?.replies).toHaveLength(1);
  });
});

describe('the reporter, when the clock is set', () => {
  it('back an hour, does not wait an hour', async () => {
    const chat = new FakeChat();
    const { clock, show } = await aReporter(chat);
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
