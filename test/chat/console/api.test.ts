import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { MessageRef } from '../../../src/chat/chat.ts';
import type { ConsoleChat } from '../../../src/chat/console/console.ts';
import { overviewOf7 } from '../../support/console-samples.ts';
import { aCard, aConsole, bearer, scriptHeaders, silent, type TestHandlers, testHandlers } from './rig.ts';

describe('the console API', () => {
  let chat: ConsoleChat;
  let handlers: TestHandlers;
  let routes: ReturnType<ConsoleChat['routes']>;
  const error = vi.fn();
  beforeEach(async () => {
    error.mockReset();
    chat = aConsole({ log: { info: silent.info, warn: silent.warn, error } });
    handlers = testHandlers();
    await chat.start(handlers);
    routes = chat.routes();
  });
  const get = (path: string) => routes.request(path, { headers: { host: 'localhost', ...bearer } });
  const post = (path: string, body: unknown) =>
    routes.request(path, {
      method: 'POST',
      headers: { host: 'localhost', ...scriptHeaders },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const json = async (response: Response | Promise<Response>): Promise<unknown> => (await response).json();

  it('has the overview of the fleets, for the person and the place of the console', async () => {
    const overview = vi.fn(async () => overviewOf7(0));
    handlers.overview = overview;
    expect(await json(get('/api/fleet'))).toEqual(overviewOf7(0));
    expect(overview.mock.calls).toMatchObject([
      [{ person: { chat: 'console', id: 'owner' }, place: { workspace: 'console', channel: 'proxnix' } }],
    ]);
  });

  it('says that something unexpected happened where the overview or a run cannot be made, and logs it', async () => {
    const broken = () => Promise.reject(new Error('a bug'));
    handlers.overview = broken;
    handlers.runPage = broken;
    for (const path of ['/api/fleet', '/api/runs/r-1']) {
      const response = await get(path);
      expect([response.status, await json(response)]).toEqual([
        500,
        expect.objectContaining({ error: 'An unexpected error inside proxnix.' }),
      ]);
    }
    expect(error).toHaveBeenCalledTimes(2);
  });

  describe('with a message', () => {
    let ref: MessageRef;
    beforeEach(async () => {
      const files = [{ name: 'plan.diff', title: 'Full plan', text: '- tëst\n<b>' }];
      const button = {
        action: 'approve',
        label: 'Approve',
        style: 'primary',
        runId: 'r-1',
        planId: 'p-abc123',
      } as const;
      ref = await chat.show('homelab', aCard({ title: 'Plan: destroy 1', buttons: [button], files }), {});
      await chat.reply(
        'homelab',
        aCard({ title: 'Approved', files: [{ name: 'a b/ü', title: 'Log', text: 'log' }] }),
        ref,
      );
    });

    it('has a run with its thread, its files linked as long as the channel has them', async () => {
      const card = aCard({ title: 'Applied', files: [{ name: 'plan.diff', title: 'Full plan', text: '- a' }] });
      const run = { id: 'r-1', fleet: 'homelab', card, times: [{ what: 'begun', at: 5 }] };
      handlers.runPage = async (id) =>
        id === 'r-1' ? { ...run, ref } : id === 'r-2' ? { ...run, ref: {} } : undefined;
      expect(await json(get('/api/runs/r-1'))).toMatchObject({
        ...{ id: 'r-1', fleet: 'homelab', times: run.times, message: ref.console },
        card: { title: 'Applied', files: [{ url: `/api/messages/${ref.console}/files/plan.diff` }] },
        replies: [{ card: { title: 'Approved' } }],
      });
      expect(await json(get('/api/runs/r-2'))).toMatchObject({ card: { files: [{ text: '- a' }] }, replies: [] });
      const missing = await get('/api/runs/r-99');
      expect([missing.status, await json(missing)]).toEqual([
        404,
        { error: 'There is no run r-99 here. The newest runs are kept; /proxnix history lists them.' },
      ]);
      expect([(await get('/runs/r-1')).status, (await get('/runs/r-99')).status]).toEqual([200, 404]);
    });

    it('lists messages with buttons to press and files to fetch', async () => {
      const [message, ...more] = (await json(get('/api/messages'))) as Record<string, unknown>[];
      expect(more).toEqual([]);
      expect(message).toMatchObject({
        id: ref.console,
        fleet: 'homelab',
        card: {
          tone: 'quiet',
          title: 'Plan: destroy 1',
          buttons: [{ id: 'px1:approve:r-1:p-abc123', label: 'Approve', style: 'primary' }],
          files: [
            { name: 'plan.diff', title: 'Full plan', url: `/api/messages/${ref.console}/files/plan.diff`, bytes: 11 },
          ],
        },
        replies: [{ card: { title: 'Approved' } }],
      });
      expect(await json(get(`/api/messages/${ref.console}`))).toEqual(message);
    });

    it('serves a file of a card and of a reply as plain text', async () => {
      const response = await get(`/api/messages/${ref.console}/files/plan.diff`);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=UTF-8');
      expect(await response.text()).toBe('- tëst\n<b>');
      const [message] = (await json(get('/api/messages'))) as { replies: { card: { files: { url: string }[] } }[] }[];
      expect(await (await get(message?.replies[0]?.card.files[0]?.url ?? '')).text()).toBe('log');
    });

    it.each(['/api/messages/nothing', '/api/messages/nothing/files/plan.diff', '/api/messages/__proto__'])(
      'says that there is nothing at %s',
      async (path) => {
        const response = await get(path);
        expect(response.status).toBe(404);
        expect(await response.json()).toEqual({ error: expect.stringContaining('no such') });
      },
    );
  });

  it('answers a typed line that means nothing with help, and asks nobody', async () => {
    expect(await json(post('/api/commands', { text: '/proxnix sttus' }))).toMatchObject({
      kind: 'note',
      text: expect.stringContaining('did you mean "status"?'),
    });
    expect(handlers.requests).toEqual([]);
  });

  it('sends the files of an answer along, because an answer is kept nowhere', async () => {
    const files = [{ name: 'log.txt', title: 'Log', text: 'all of it' }];
    handlers.answer = () => ({ kind: 'card', card: aCard({ files }) });
    expect(await json(post('/api/commands', { text: 'status' }))).toMatchObject({ kind: 'card', card: { files } });
    expect(await json(get('/api/messages'))).toEqual([]);
  });

  it('lists the commands and completes their options', async () => {
    expect(await json(get('/api/commands'))).toEqual(handlers.commands);
    expect(await json(get('/api/complete?command=plan&option=ref&typed=ma'))).toEqual(['ref-ma1', 'ref-ma2']);
    expect((await get('/api/complete?command=plan&option=nothing')).status).toBe(404);
    expect((await get('/api/complete')).status).toBe(404);
  });

  it.each([
    ['/api/commands', '{"text": 5}', 'Wanted: {"text"'],
    ['/api/commands', '{', 'Wanted: {"text"'],
    ['/api/commands', JSON.stringify({ text: 'x'.repeat(5000) }), 'Wanted'],
    ['/api/press', '{}', 'Wanted: {"button"'],
    ['/api/press', '{"button": "px2:approve:r-1:"}', 'no button of proxnix'],
    ['/api/press', '{"button": "px1:approve:r-1:"}', 'no button of proxnix'],
    ['/api/press', '{"button": "px1:reject:r-1:p-7f3c2"}', 'no button of proxnix'],
    ['/api/press', '{"button": "px1:destroy:r-1:"}', 'no button of proxnix'],
    ['/api/press', '{"button": "px1:approve:r-1:p-abc123:x"}', 'no button of proxnix'],
    ['/api/forms/px1', '{"values": {"names": 1}}', 'Wanted: {"values"'],
    ['/api/forms/px1', '[]', 'Wanted: {"values"'],
  ])('refuses %s %s in words', async (path, body, words) => {
    const response = await post(path, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.stringContaining(words) });
    expect([handlers.requests, handlers.presses, handlers.submissions]).toEqual([[], [], []]);
  });

  it('refuses a body of more than 64 KiB', async () => {
    const response = await post('/api/commands', { text: 'status', more: 'x'.repeat(70_000) });
    expect(response.status).toBe(413);
    expect(handlers.requests).toEqual([]);
  });

  it('says that it is not ready while the bot is not there', async () => {
    await chat.stop();
    for (const response of [await get('/api/messages'), await post('/api/commands', { text: 'status' })]) {
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ error: 'proxnix is not ready.' });
    }
  });

  it('logs a handler that throws, and shows nothing of it', async () => {
    handlers.answer = () => {
      throw new Error('password is hunter2');
    };
    const response = await post('/api/commands', { text: 'status' });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
    expect(error).toHaveBeenCalledOnce();
  });

  it('tells who is here', async () => {
    expect(await json(get('/api/session'))).toEqual({
      person: 'Owner',
      workspace: 'console',
      channel: 'proxnix',
    });
  });

  it('is never kept by a cache', async () => {
    expect((await get('/api/messages')).headers.get('cache-control')).toBe('no-store');
  });
});
