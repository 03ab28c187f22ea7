import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ask } from '../../../src/cli/doctor/rest.ts';
import { UserError } from '../../../src/core/errors.ts';

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
