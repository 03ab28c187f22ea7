import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { type Context, Hono } from 'hono';

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

/** The page at `/` and its files at `/console/…`, from memory; a browser asks again each time and mostly gets 304. */
export function assets(): Hono {
  const known = new Map(readdirSync(folder).flatMap(readAsset));
  const send = (c: Context, name: string) => {
    const asset = known.get(name);
    if (asset === undefined) return c.notFound();
    const headers = { etag: asset.etag, 'cache-control': 'no-cache' };
    if (c.req.header('if-none-match') === asset.etag) return c.body(null, 304, headers);
    return c.body(asset.body, 200, { ...headers, 'content-type': asset.type });
  };
  const app = new Hono();
  app.get('/', (c) => send(c, 'index.html'));
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
