import { beforeEach, describe, expect, it } from 'vitest';
import type { ConsoleChat } from '../../../src/chat/console/console.ts';
import { aConsole, bearer, testHandlers } from './rig.ts';

describe('the files of the page', () => {
  let routes: ReturnType<ConsoleChat['routes']>;
  beforeEach(async () => {
    const chat = aConsole();
    await chat.start(testHandlers());
    routes = chat.routes();
  });
  const get = (path: string, headers: Record<string, string> = {}) =>
    routes.request(path, { headers: { host: 'localhost', ...bearer, ...headers } });

  it.each([
    ['/', 'text/html; charset=utf-8'],
    ['/console/page.js', 'text/javascript; charset=utf-8'],
    ['/console/page.css', 'text/css; charset=utf-8'],
    ['/console/icon.svg', 'image/svg+xml'],
  ])('are served with the right type: %s', async (path, type) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
  });

  it('are not sent again to a browser that has them', async () => {
    const etag = (await get('/console/page.js')).headers.get('etag') ?? '';
    const again = await get('/console/page.js', { 'if-none-match': etag });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it.each(['/console/nothing.js', '/console/..%2fconsole.ts', '/console/jsconfig.json', '/console/card-view.d.ts'])(
    'are only those: %s is none',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  it('are all that the page asks for', async () => {
    const page = await (await get('/')).text();
    const wanted = [...page.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(wanted.length).toBeGreaterThan(4);
    for (const path of wanted) expect([path, (await get(path)).status]).toEqual([path, 200]);
  });
});
