import { beforeEach, describe, expect, it } from 'vitest';
import type { ConsoleChat } from '../../../src/chat/console/console.ts';
import { Secret } from '../../../src/secret.ts';
import { aConsole, bearer, type TestHandlers, testHandlers } from './rig.ts';

const body = JSON.stringify({ text: 'status' });
const json = { 'content-type': 'application/json' };

describe('a console with a token of its own', () => {
  let chat: ConsoleChat;
  let handlers: TestHandlers;
  beforeEach(async () => {
    chat = aConsole();
    handlers = testHandlers();
    await chat.start(handlers);
  });
  const get = async (headers: Record<string, string>) =>
    (await chat.routes().request('/api/messages', { headers: { ...bearer, ...headers } })).status;
  const post = async (headers: Record<string, string>) => {
    const response = await chat
      .routes()
      .request('/api/commands', { method: 'POST', headers: { ...bearer, ...headers }, body });
    return response.status;
  };

  it.each(['localhost', 'localhost:6780', '127.0.0.1:6780', '[::1]:6780', 'LOCALHOST'])('serves %s', async (host) => {
    expect(await get({ host })).toBe(200);
  });

  it.each([
    'rebound.example.org',
    'rebound.example.org:6780',
    'localhost.example.org',
    '127.0.0.1.example.org',
    '192.168.1.4:6780',
    'localhost@example.org',
    '',
  ])('does not serve the name %j, which DNS rebinding could give it', async (host) => {
    expect(await get({ host })).toBe(421);
    expect(await post({ host, ...json, 'x-proxnix': '1' })).toBe(421);
    expect(handlers.requests).toEqual([]);
  });

  it.each([
    ['its own page', { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:6780', ...json }],
    ['its own page in an older browser', { origin: 'http://localhost:6780', ...json }],
    ['a script', { ...json, 'x-proxnix': '1' }],
  ])('takes a POST of %s', async (_, headers) => {
    expect(await post({ host: 'localhost:6780', ...headers })).toBe(200);
    expect(handlers.requests).toHaveLength(1);
  });

  it.each<[string, Record<string, string>]>([
    ['another site', { 'sec-fetch-site': 'cross-site', ...json, 'x-proxnix': '1' }],
    ['another port of this machine', { 'sec-fetch-site': 'same-site', ...json, 'x-proxnix': '1' }],
    ['another site in an older browser', { origin: 'https://evil.example', ...json, 'x-proxnix': '1' }],
    ['another port in an older browser', { origin: 'http://localhost:8000', ...json, 'x-proxnix': '1' }],
    ['a sandboxed frame', { origin: 'null', ...json, 'x-proxnix': '1' }],
    ['a form', { 'content-type': 'text/plain', 'x-proxnix': '1' }],
    ['a simple request', json],
  ])('refuses a POST of %s', async (_, headers) => {
    expect(await post({ host: 'localhost:6780', ...headers })).toBe(403);
    expect(handlers.requests).toEqual([]);
  });
});

describe('a console with a token and names', () => {
  it('serves only those names', async () => {
    const token = 'a-token-that-is-long-enough';
    const chat = aConsole({ token: new Secret(token), host: '0.0.0.0', names: ['proxnix.example.org'] });
    await chat.start(testHandlers());
    const get = async (host: string) =>
      (await chat.routes().request('/api/messages', { headers: { host, authorization: `Bearer ${token}` } })).status;
    expect(await get('proxnix.example.org')).toBe(200);
    expect(await get('other.example.org')).toBe(421);
  });
});
