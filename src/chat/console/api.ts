import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { readButtonId } from '../../views/card.ts';
import type { Answer, ChatHandlers, Person, Place } from '../chat.ts';
import { readCommandLine } from '../command-line.ts';
import type { Channel } from './channel.ts';
import { wireAnswer, wireMessage, wireRun } from './message-store.ts';

/** The collaborators of the API. */
export interface ApiOptions {
  readonly channel: Channel;
  readonly person: Person;
  readonly place: Place;
  /** `undefined` while the bot is not started. */
  readonly handlers: () => ChatHandlers | undefined;
  /** Called when a handler threw, which is a bug. */
  readonly unexpected: (error: unknown) => void;
}

const commandBody = z.object({ text: z.string().max(4000) });
const pressBody = z.object({ button: z.string().max(100) });
const formBody = z.object({ values: z.record(z.string().max(100), z.string().max(4000)) });

/** The JSON API over HTTP that the page and scripts use. README.md describes it. */
export function api(options: ApiOptions): Hono {
  const { channel, person, place } = options;
  const who = { person, place };
  const app = new Hono();

  app.use('/api/*', async (c, next) => {
    c.header('cache-control', 'no-store');
    if (options.handlers() === undefined) return problem(c, 503, 'proxnix is not ready.', 'Try again in a moment.');
    return next();
  });
  app.use(
    '/api/*',
    bodyLimit({ maxSize: 64 * 1024, onError: (c) => problem(c, 413, 'The request is larger than 64 KiB.') }),
  );

  app.get('/api/messages', (c) => c.json(channel.list().map(wireMessage)));
  app.get('/api/messages/:id', (c) => {
    const message = channel.get(c.req.param('id'));
    return message === undefined ? problem(c, 404, 'There is no such message.') : c.json(wireMessage(message));
  });
  app.get('/api/messages/:id/files/:name', (c) => {
    const text = fileText(channel, c.req.param('id'), c.req.param('name'));
    return text === undefined ? problem(c, 404, 'There is no such file.') : c.text(text);
  });

  app.get('/api/fleet', (c) => ask(c, async (to) => c.json(await to.overview(who))));
  app.get('/api/runs/:id', (c) =>
    ask(c, async (to) => {
      const id = c.req.param('id');
      const page = await to.runPage(id, who);
      return page === undefined
        ? problem(c, 404, noRun(id))
        : c.json(wireRun(page, channel.get(page.ref.console ?? '')));
    }),
  );

  app.get('/api/commands', (c) => c.json(options.handlers()?.commands ?? []));
  app.get('/api/complete', async (c) => {
    const { command = '', option: name = '', typed = '', ...others } = c.req.query();
    const spec = options.handlers()?.commands.find((known) => known.name === command);
    const option = spec?.options.find((known) => known.name === name);
    if (option === undefined) return problem(c, 404, `There is no option "${name}" of a command "${command}".`);
    const args = spec?.options.flatMap((one) => {
      const value = others[`arg.${one.name}`];
      return value === undefined ? [] : [[one.name, value.slice(0, 200)] as const];
    });
    const completion = { command, option, typed: typed.slice(0, 200), args: Object.fromEntries(args ?? []), ...who };
    return c.json((await options.handlers()?.complete(completion)) ?? []);
  });

  app.post('/api/commands', async (c) => {
    const body = await readBody(c, commandBody);
    if (body === undefined) return problem(c, 400, 'Wanted: {"text": "/proxnix plan"}.');
    const line = readCommandLine(body.text, options.handlers()?.commands ?? []);
    if (line.kind === 'note') return c.json(line);
    return answer(c, (to) => to.command({ name: line.name, args: line.args, ...who }));
  });
  app.post('/api/press', async (c) => {
    const body = await readBody(c, pressBody);
    if (body === undefined) return problem(c, 400, 'Wanted: {"button": "px1:approve:r-1:p-abc123"}.');
    const button = readButtonId(body.button);
    if (button === undefined) return problem(c, 400, 'This is no button of proxnix.');
    return answer(c, (to) => to.press({ ...button, ...who }));
  });
  app.post('/api/forms/:id', async (c) => {
    const body = await readBody(c, formBody);
    if (body === undefined) return problem(c, 400, 'Wanted: {"values": {"field": "text"}}.');
    return answer(c, (to) => to.submit({ formId: c.req.param('id'), values: body.values, ...who }));
  });

  function answer(c: Context, request: (to: ChatHandlers) => Promise<Answer>) {
    return ask(c, async (to) => c.json(wireAnswer(await request(to))));
  }

  async function ask(c: Context, request: (to: ChatHandlers) => Promise<Response>): Promise<Response> {
    const to = options.handlers();
    if (to === undefined) return problem(c, 503, 'proxnix is not ready.');
    try {
      return await request(to);
    } catch (error) {
      options.unexpected(error);
      return problem(c, 500, 'An unexpected error inside proxnix.', 'The log of the bot has the whole story.');
    }
  }
  return app;
}

function noRun(id: string): string {
  const known = /^r-[0-9]{1,9}$/.test(id) ? `run ${id}` : 'such run';
  return `There is no ${known} here. The newest runs are kept; /proxnix history lists them.`;
}

async function readBody<T>(c: Context, schema: z.ZodType<T>): Promise<T | undefined> {
  const json: unknown = await c.req.json().catch(() => undefined);
  return schema.safeParse(json).data;
}

function fileText(channel: Channel, id: string, name: string): string | undefined {
  const replies = channel.list().flatMap((message) => message.replies);
  const card = (channel.get(id) ?? replies.find((reply) => reply.id === id))?.card;
  return card?.files.find((file) => file.name === name)?.text;
}

function problem(c: Context, status: 400 | 404 | 413 | 500 | 503, error: string, next?: string) {
  return c.json({ error, ...(next === undefined ? {} : { next }) }, status);
}

const folder = new URL('./page/', import.meta.url);

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Asset {
  readonly body: string;
  readonly type: string;
  readonly etag: string;
}

/**
 * The page at the addresses of its views and its files at `/console/…`, from memory. A browser revalidates each time and
 * mostly gets 304.
 * @param hasRun whether a run is there for the person; the page of one that is not is answered with 404
 */
export function assets(hasRun: (id: string) => Promise<boolean>): Hono {
  const known = new Map(readdirSync(folder).flatMap(readAsset));
  const send = (c: Context, name: string) => {
    const asset = known.get(name);
    if (asset === undefined) return c.notFound();
    const headers = { etag: asset.etag, 'cache-control': 'no-cache' };
    if (c.req.header('if-none-match') === asset.etag) return c.body(null, 304, headers);
    return c.body(asset.body, 200, { ...headers, 'content-type': asset.type });
  };
  const app = new Hono();
  for (const path of ['/', '/fleet']) app.get(path, (c) => send(c, 'index.html'));
  app.get('/runs/:id', async (c) => {
    if (await hasRun(c.req.param('id'))) return send(c, 'index.html');
    return c.html(known.get('index.html')?.body ?? '', 404);
  });
  app.get('/console/:name', (c) => send(c, c.req.param('name')));
  return app;
}

function readAsset(name: string): [string, Asset][] {
  const type = types[extname(name)];
  if (type === undefined) return [];
  const body = readFileSync(new URL(name, folder), 'utf8');
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return [[name, { body, type, etag }]];
}
