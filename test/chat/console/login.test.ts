import { beforeEach, describe, expect, it } from 'vitest';
import type { ConsoleChat } from '../../../src/chat/console/console.ts';
import { aConsole, scriptHeaders, testHandlers } from './rig.ts';

const token = 'correct-horse-battery-staple';
const host = 'proxnix.example.org';

describe('a console with a token', () => {
  let chat: ConsoleChat;
  let clock: number;
  beforeEach(async () => {
    clock = 1_000_000;
    chat = aConsole({ host: '0.0.0.0', token, now: () => clock });
    await chat.start(testHandlers());
    routes = chat.routes();
  });
  let routes: ReturnType<ConsoleChat['routes']>;

  const get = (path: string, headers: Record<string, string> = {}) =>
    routes.request(path, { headers: { host, ...headers } });
  const logIn = (given: string, headers: Record<string, string> = {}) =>
    routes.request('/login', {
      method: 'POST',
      headers: {
        host,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      body: new URLSearchParams({ token: given }).toString(),
    });
  const cookieOf = (response: Response) => (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';

  it.each(['/api/messages', '/api/events', '/api/session', '/api/commands'])('keeps %s closed', async (path) => {
    const response = await get(path);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ next: expect.stringContaining('Bearer') });
  });

  it('takes nothing from somebody who is not logged in', async () => {
    for (const path of ['/api/commands', '/api/press', '/api/forms/x']) {
      const response = await routes.request(path, { method: 'POST', headers: { host, ...scriptHeaders }, body: '{}' });
      expect(response.status).toBe(401);
    }
  });

  it('leads from the page to the log-in, whose style needs no token', async () => {
    const response = await get('/');
    expect([response.status, response.headers.get('location')]).toEqual([303, '/login']);
    expect(await (await get('/login')).text()).toContain('name="token"');
    expect((await get('/console/page.css')).status).toBe(200);
  });

  it('opens with the right token, by a cookie that scripts and other sites cannot use', async () => {
    const response = await logIn(token);
    expect([response.status, response.headers.get('location')]).toEqual([303, '/']);
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
    routes = aConsole({ host: '0.0.0.0', token: `${token}-2`, now: () => clock }).routes();
    expect((await get('/api/session', { cookie })).status).toBe(401);
    chat = aConsole({ host: '0.0.0.0', token, now: () => clock });
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

  it('stops guessing after five wrong tokens, also the right one, until a minute is over', async () => {
    for (let attempt = 0; attempt < 5; attempt += 1) expect((await logIn(`guess ${attempt}`)).status).toBe(401);
    expect((await logIn(token)).status).toBe(429);
    expect((await get('/api/messages', { authorization: `Bearer ${token}` })).status).toBe(429);
    clock += 60_000;
    expect((await logIn(token)).status).toBe(303);
  });

  it('takes the token of a script, and refuses a wrong one', async () => {
    expect((await get('/api/messages', { authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await get('/api/messages', { authorization: `Bearer ${token}x` })).status).toBe(401);
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
