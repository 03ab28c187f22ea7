import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConsoleChat } from '../../../src/chat/console/console.ts';
import type { HttpServer } from '../../../src/http/server.ts';
import { aCard, aConsole, bearer, serve, type TestHandlers, type TestStore, testHandlers, testStore } from './rig.ts';

interface Event {
  readonly id: string | undefined;
  readonly event: string;
  // Parsed from the stream; each test looks at what it wants of it.
  readonly titles: readonly string[];
  readonly data: Readonly<Record<string, unknown>>;
}

describe('the events of the console', () => {
  let store: TestStore;
  let chat: ConsoleChat;
  let server: HttpServer;
  let handlers: TestHandlers;
  beforeEach(async () => {
    store = testStore();
    chat = aConsole({ messages: store, fleetsEveryMs: 1 });
    handlers = testHandlers();
    await chat.start(handlers);
    server = await serve(chat);
  });
  afterEach(async () => {
    await chat.stop();
    await server.close();
  });

  it('begin with the whole channel and go on with each message that changes', async () => {
    const ref = await chat.show('homelab', aCard({ title: 'A' }), {});
    const events = follow(server);
    expect(await next(events)).toMatchObject({ event: 'snapshot', titles: ['A'] });
    await chat.show('homelab', aCard({ title: 'A2' }), ref);
    expect(await next(events)).toMatchObject({ event: 'message', titles: ['A2'] });
    await chat.show('homelab', aCard({ title: 'B' }), {});
    expect(await next(events)).toMatchObject({ event: 'message', titles: ['B'] });
    await events.return(undefined);
  });

  it('go on where a reader was cut off, without the whole channel again', async () => {
    await chat.show('homelab', aCard({ title: 'A' }), {});
    const before = follow(server);
    const { id } = await next(before);
    await before.return(undefined);
    await chat.show('homelab', aCard({ title: 'B' }), {});
    const after = follow(server, id);
    expect(await next(after)).toMatchObject({ event: 'message', titles: ['B'] });
    await after.return(undefined);
  });

  it('begin anew after a restart of the bot, whatever the reader knew', async () => {
    await chat.show('homelab', aCard({ title: 'A' }), {});
    const before = follow(server);
    const { id } = await next(before);
    await chat.stop();
    expect((await before.next()).done).toBe(true);
    await server.close();
    chat = aConsole({ messages: store });
    await chat.start(testHandlers());
    server = await serve(chat);
    const after = follow(server, id);
    expect(await next(after)).toMatchObject({ event: 'snapshot', titles: ['A'] });
    await after.return(undefined);
  });

  it.each(['', '5', 'x.y', 'other-life.1'])('take Last-Event-ID %j for a new reader', async (id) => {
    await chat.show('homelab', aCard({ title: 'A' }), {});
    const events = follow(server, id);
    expect(await next(events)).toMatchObject({ event: 'snapshot' });
    await events.return(undefined);
  });

  it('carry the name of a file and not its text', async () => {
    const text = 'a line of a log\n'.repeat(1000);
    await chat.show('homelab', aCard({ files: [{ name: 'log.txt', title: 'Log', text }] }), {});
    const response = await fetch(`${server.url}/api/events`, { headers: bearer });
    const reader = response.body?.getReader();
    const begin = new TextDecoder().decode((await reader?.read())?.value);
    expect(begin).toContain('log.txt');
    expect(begin).not.toContain('a line of a log');
    await reader?.cancel();
  });

  it('have the overview where the reader watches the fleets, when it changes, and ask for it only then', async () => {
    let asked = 0;
    let failing = false;
    const reached = () => ({ kind: 'Git', name: 'acme/fleet', state: failing ? 'failing' : 'well' }) as const;
    handlers.overview = async () => {
      asked += 1;
      return { fleets: [], reached: [reached()] };
    };
    const plain = follow(server);
    await next(plain);
    expect(asked).toBe(0);
    const watching = follow(server, undefined, '?fleet');
    const first = [await next(watching), await next(watching)];
    expect(first.map(({ event }) => event).sort()).toEqual(['fleet', 'snapshot']);
    failing = true;
    expect(await next(watching)).toMatchObject({ event: 'fleet', data: { reached: [{ state: 'failing' }] } });
    await watching.return(undefined);
    await plain.return(undefined);
    await expect.poll(async () => asked === (await later(() => asked))).toBe(true);
  });

  it('go on after an overview that could not be made', async () => {
    let asked = 0;
    handlers.overview = async () => {
      asked += 1;
      if (asked === 1) throw new Error('a bug');
      return { fleets: [], reached: [] };
    };
    const watching = follow(server, undefined, '?fleet');
    const events = [await next(watching), await next(watching)];
    expect(events.map(({ event }) => event).sort()).toEqual(['fleet', 'snapshot']);
    await watching.return(undefined);
  });

  it('wake every reader at once', async () => {
    const readers = [follow(server), follow(server), follow(server)];
    for (const reader of readers) await next(reader);
    await chat.show('homelab', aCard({ title: 'A' }), {});
    for (const reader of readers) {
      expect((await next(reader)).titles).toEqual(['A']);
      await reader.return(undefined);
    }
  });
});

/** The value after some more looks would have been made. */
async function later<T>(value: () => T): Promise<T> {
  for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  return value();
}

async function* follow(server: HttpServer, lastEventId?: string, query = ''): AsyncGenerator<Event, undefined> {
  const headers = { ...bearer, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) };
  const response = await fetch(`${server.url}/api/events${query}`, { headers });
  let rest = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const parts = `${rest}${chunk}`.split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const event = readEvent(part);
      if (event !== undefined) yield event;
    }
  }
  return undefined;
}

function readEvent(text: string): Event | undefined {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1];
  const [event, data] = [field('event'), field('data')];
  if (event === undefined || data === undefined) return undefined;
  const parsed = JSON.parse(data) as Record<string, unknown>;
  const { messages, message } = parsed;
  const list = (messages ?? (message === undefined ? [] : [message])) as { card: { title: string } }[];
  return { id: field('id'), event, titles: list.map(({ card }) => card.title), data: parsed };
}

async function next(events: AsyncGenerator<Event, undefined>): Promise<Event> {
  const { value } = await events.next();
  if (value === undefined) throw new Error('the stream ended');
  return value;
}
