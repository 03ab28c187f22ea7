import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aheadOf, ask } from '../../src/chat/rest.ts';
import { UserError } from '../../src/core/errors.ts';

/** A server that leads to another address, or answers; it remembers the tokens that it was sent. */
async function aServer(location?: string) {
  const tokens: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    tokens.push(request.headers.authorization);
    request.resume();
    if (location !== undefined) response.writeHead(307, { location });
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`, tokens };
}

it.each([undefined, new URLSearchParams({ a: 'b' })])('a redirect gets no token of a chat (form: %s)', async (form) => {
  const elsewhere = await aServer();
  const { url, tokens } = await aServer(elsewhere.url);
  const options = { authorization: 'Bearer canary', userAgent: 'test', timeoutMs: 10_000, now: Date.now };
  await expect(ask(url, options, form)).rejects.toBeInstanceOf(UserError);
  expect([tokens, elsewhere.tokens]).toEqual([['Bearer canary'], []]);
});

describe('aheadOf', () => {
  it('reads a Date header and is silent about one that is none', () => {
    const now = Date.parse('2026-11-22T11:00:00.500Z');
    expect(aheadOf('Sun, 22 Nov 2026 11:00:40 GMT', now)).toBe(40_000);
    expect(aheadOf('soon', now)).toBeUndefined();
    expect(aheadOf(null, now)).toBeUndefined();
  });
});
