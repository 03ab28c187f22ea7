import { readdirSync } from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConsoleChat } from '../../../src/chat/console/console.ts';
import { Secret } from '../../../src/secret.ts';
import { aConsole, token as ownToken, silent, testHandlers } from './rig.ts';

const token = 'correct-horse-battery-staple';
const host = 'proxnix.example.org';
const script = { 'content-type': 'application/json', 'x-proxnix': '1' };

describe('a console with a configured token', () => {
  let chat: ConsoleChat;
  let clock: number;
  const warn = vi.fn();
  beforeEach(async () => {
    warn.mockReset();
    clock = 1_000_000;
    chat = aConsole({ host: '0.0.0.0', token: new Secret(token), now: () => clock, log: { ...silent, warn } });
    await chat.start(testHandlers());
    routes = chat.routes();
  });
  let routes: ReturnType<ConsoleChat['routes']>;

  const get = (path: string, headers: Record<string, string> = {}) =>
    routes.request(path, { headers: { host, ...headers } });
  const logIn = (given: string, headers: Record<string, string> = {}, to?: string) =>
    routes.request('/login', {
      method: 'POST',
      headers: {
        host,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      body: new URLSearchParams({ token: given, ...(to === undefined ? {} : { to }) }).toString(),
    });
  const cookieOf = (response: Response) => (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';

  it.each(['/api/messages', '/api/events', '/api/session', '/api/commands', '/api/fleet', '/api/runs/r-1'])(
    'keeps %s closed',
    async (path) => {
      const response = await get(path);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ next: expect.stringContaining('Bearer') });
    },
  );

  it('takes nothing from somebody who is not logged in', async () => {
    for (const path of ['/api/commands', '/api/press', '/api/forms/x']) {
      const response = await routes.request(path, { method: 'POST', headers: { host, ...script }, body: '{}' });
      expect(response.status).toBe(401);
    }
  });

  it('reads no more of a log-in than a token needs', async () => {
    expect((await logIn('x'.repeat(5000))).status).toBe(413);
  });

  it('leads from the page to the log-in, which says where the token is', async () => {
    const response = await get('/');
    expect([response.status, response.headers.get('location')]).toEqual([303, '/login']);
    const page = await (await get('/login')).text();
    expect(page).toContain('name="token"');
    expect(page).toContain('CONSOLE_TOKEN');
    expect(page).not.toContain(token);
  });

  it.each(['/fleet', '/runs/r-41'])('leads from %s to the log-in and from there back to it', async (path) => {
    const asked = await get(path);
    const to = asked.headers.get('location') ?? '';
    expect([asked.status, to]).toEqual([303, `/login?to=${encodeURIComponent(path)}`]);
    expect(await (await get(to)).text()).toContain(`name="to" value="${path}"`);
    const done = await logIn(token, {}, path);
    expect(done.headers.get('location')).toMatch(new RegExp(`^${path}#[0-9a-f]{64}$`));
  });

  it.each(['https://evil.example/', '//evil.example', '/\\evil.example', '/runs/r-1/../../x', '/api/session', '"><b>'])(
    'leads from the log-in to the channel where %s is asked for',
    async (to) => {
      expect((await logIn(token, {}, to)).headers.get('location')).toMatch(/^\/#[0-9a-f]{64}$/);
      const page = await (await get(`/login?to=${encodeURIComponent(to)}`)).text();
      expect(page).toContain('name="to" value="/"');
    },
  );

  it('shows the files of the log-in to everybody, and no other file of the page', async () => {
    const page = await (await get('/login')).text();
    const onward = await (await get('/', { 'sec-fetch-site': 'cross-site' })).text();
    const named = [...`${page}${onward}`.matchAll(/(?:href|src)="(\/console\/[^"]+)"/g)].map(([, path]) => path ?? '');
    const drawnWith = [...named, '/console/session.js'].sort();
    const all = readdirSync(new URL('../../../src/chat/console/page/', import.meta.url)).map(
      (name) => `/console/${name}`,
    );
    const open: string[] = [];
    for (const path of all) if ((await get(path)).status !== 401) open.push(path);
    expect(open.sort()).toEqual(drawnWith);
    expect(all.length).toBeGreaterThan(drawnWith.length);
  });

  it('takes the token out of the address and gives a session for it', async () => {
    const response = await get(`/?token=${token}`);
    expect([response.status, response.headers.get('location')]).toEqual([
      303,
      expect.stringMatching(/^\/#[0-9a-f]{64}$/),
    ]);
    expect(response.headers.get('location')).not.toContain(token);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('set-cookie')).toContain('SameSite=Strict');
    expect((await get('/', { cookie: cookieOf(response) })).status).toBe(200);
  });

  it('says that the token of an address is not the right one, unless one is logged in', async () => {
    const cookie = cookieOf(await logIn(token));
    const response = await get(`/?token=${token}x`);
    expect(response.status).toBe(401);
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(await response.text()).toContain('The token in this address is wrong.');
    const known = await get('/?token=', { cookie });
    expect([known.status, known.headers.get('location')]).toEqual([303, '/']);
  });

  it.each(['/api/messages', '/api/events', '/console/page.js', '/login'])(
    'takes no token in the address of %s',
    async (path) => {
      const response = await get(`${path}?token=${token}`);
      expect(response.status).toBe(path === '/login' ? 200 : 401);
      expect(response.headers.get('set-cookie')).toBeNull();
    },
  );

  it('goes on by itself where a link of another site led here without the session', async () => {
    const response = await get('/', { 'sec-fetch-site': 'cross-site' });
    expect(response.status).toBe(200);
    const page = await response.text();
    expect(page).toContain('http-equiv="refresh" content="0; url=/"');
    expect(page).toContain('src="/console/onward.js"');
  });

  it('lets a session read, and act with the key of its log-in only', async () => {
    const first = await logIn(token);
    clock += 1000;
    const second = await logIn(token);
    const keyOf = (response: Response) => response.headers.get('location')?.slice(2) ?? '';
    const act = async (response: Response, key: string | undefined) => {
      const session = { cookie: cookieOf(response), 'sec-fetch-site': 'same-origin', ...script };
      const headers = { host, ...session, ...(key === undefined ? {} : { 'x-proxnix-session': key }) };
      const body = JSON.stringify({ text: 'status' });
      return (await routes.request('/api/commands', { method: 'POST', headers, body })).status;
    };
    expect((await get('/api/messages', { cookie: cookieOf(first) })).status).toBe(200);
    const signature = decodeURIComponent(cookieOf(first)).split('.').at(-1);
    for (const key of [undefined, '', signature, keyOf(second), keyOf(first).slice(1), token]) {
      expect([key, await act(first, key)]).toEqual([key, 401]);
    }
    expect(await act(first, keyOf(first))).toBe(200);
    expect(await act(second, keyOf(second))).toBe(200);
    clock += 31 * 24 * 3600 * 1000;
    expect(await act(first, keyOf(first))).toBe(401);
  });

  it('names the session by the port, so that two bots of one machine keep theirs apart', async () => {
    const ports = ['6780', '6781'];
    const cookies = await Promise.all(
      ports.map(async (port) => cookieOf(await get(`/?token=${token}`, { host: `127.0.0.1:${port}` }))),
    );
    expect(new Set(cookies.map((cookie) => cookie.split('=')[0])).size).toBe(2);
    for (const port of ports) {
      const headers = { host: `127.0.0.1:${port}`, cookie: cookies.join('; ') };
      expect((await get('/api/session', headers)).status).toBe(200);
    }
  });

  it('opens with the right token, by a cookie that scripts and other sites cannot use', async () => {
    const response = await logIn(token);
    expect([response.status, response.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/#/)]);
    const cookie = response.headers.get('set-cookie') ?? '';
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/']) expect(cookie).toContain(attribute);
    expect(cookie).not.toContain(token);
    expect((await get('/api/messages', { cookie: cookieOf(response) })).status).toBe(200);
    expect((await get('/', { cookie: cookieOf(response) })).status).toBe(200);
  });

  it('marks the cookie secure behind a proxy that speaks https', async () => {
    const response = await logIn(token, { 'x-forwarded-proto': 'https' });
    expect(response.headers.get('set-cookie')).toContain('Secure');
  });

  it('outlives a restart, but not its time and not another token', async () => {
    const cookie = cookieOf(await logIn(token));
    routes = aConsole({ host: '0.0.0.0', token: new Secret(`${token}-2`), now: () => clock }).routes();
    expect((await get('/api/session', { cookie })).status).toBe(401);
    chat = aConsole({ host: '0.0.0.0', token: new Secret(token), now: () => clock });
    await chat.start(testHandlers());
    routes = chat.routes();
    expect((await get('/api/session', { cookie })).status).toBe(200);
    clock += 31 * 24 * 3600 * 1000;
    expect((await get('/api/session', { cookie })).status).toBe(401);
  });

  it('does not take a cookie that somebody wrote himself', async () => {
    const cookie = cookieOf(await logIn(token));
    const [name, value = ''] = cookie.split('=');
    const later = decodeURIComponent(value).replace(/^\d+/, '9999999999999');
    expect((await get('/api/session', { cookie: `${name}=${encodeURIComponent(later)}` })).status).toBe(401);
    expect((await get('/api/session', { cookie: `${name}=9999999999999` })).status).toBe(401);
  });

  it('says on the page that the token was wrong', async () => {
    const response = await logIn('wrong');
    expect(response.status).toBe(401);
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(await response.text()).toContain('This is not the token.');
  });

  it('is never locked for the right token, however many wrong ones came before', async () => {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      expect((await logIn(`guess ${attempt}`)).status).toBe(401);
      expect((await get('/api/messages', { authorization: `Bearer guess-${attempt}` })).status).toBe(401);
      expect((await get(`/?token=guess-${attempt}`)).status).toBe(401);
    }
    expect((await logIn(token)).status).toBe(303);
    expect((await get('/api/messages', { authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await get(`/?token=${token}`)).status).toBe(303);
  });

  it('logs wrong tokens without their text, once a minute with their number', async () => {
    for (let attempt = 0; attempt < 20; attempt += 1) await logIn(`guess ${attempt}`);
    clock += 60_000;
    await logIn(`${token}x`);
    expect(warn.mock.calls.map(([facts]) => facts)).toEqual([{ count: 1 }, { count: 20 }]);
  });

  it('takes the token of a script, and refuses a wrong one', async () => {
    expect((await get('/api/messages', { authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await get('/api/messages', { authorization: `Bearer ${token}x` })).status).toBe(401);
    expect((await get('/', { authorization: `Bearer ${token}x` })).status).toBe(401);
    expect((await get('/api/messages', { authorization: `Basic ${btoa(`x:${token}`)}` })).status).toBe(401);
  });

  it('refuses a log-in that another site sends', async () => {
    expect((await logIn(token, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });

  it('logs out', async () => {
    const cookie = cookieOf(await logIn(token));
    const headers = { host, cookie, 'sec-fetch-site': 'same-origin' };
    const response = await routes.request('/logout', { method: 'POST', headers });
    expect(response.headers.get('location')).toBe('/login');
    expect(response.headers.get('set-cookie')).toContain('Max-Age=0');
  });
});

describe('a console with a token of its own', () => {
  it('says at the log-in which file the token is in', async () => {
    const chat = aConsole();
    await chat.start(testHandlers());
    const page = await (await chat.routes().request('/login', { headers: { host: '127.0.0.1:6780' } })).text();
    expect(page).toContain('<code>state/console-token</code>');
    expect(page).not.toContain(ownToken);
  });
});
