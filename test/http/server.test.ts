import dns from 'node:dns';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { pino } from 'pino';
import { Counter, Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { type HttpOptions, type HttpServer, startHttp } from '../../src/http/server.ts';
import { Secret } from '../../src/secret.ts';
import { untilHangUp } from '../support/hang-up.ts';

const log = pino({ level: 'silent' });
const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function start(options: Partial<HttpOptions> = {}): Promise<HttpServer> {
  const server = await startHttp({ host: '127.0.0.1', port: 0, version: '1.2.3', routes: [], log, ...options });
  open.push(server);
  return server;
}

describe('startHttp', () => {
  it('says that it is well, and which version it is', async () => {
    const { url } = await start();
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ ok: true, version: '1.2.3' });
  });

  describe('with metrics', () => {
    const registry = new Registry();
    new Counter({ name: 'proxnix_runs', help: 'runs', registers: [registry] }).inc(3);
    const metrics = { registry, tokens: [new Secret('a-metrics-token'), new Secret('a-console-token')] };
    const ask = async (headers: Record<string, string>) =>
      fetch(`${(await start({ metrics })).url}/metrics`, { headers });

    it.each(['a-metrics-token', 'a-console-token'])('shows them to who has the token %s', async (token) => {
      const response = await ask({ authorization: `Bearer ${token}` });
      expect(response.headers.get('content-type')).toContain('text/plain');
      expect(await response.text()).toContain('proxnix_runs 3');
    });

    it.each([
      ['nothing, from this machine', {}],
      ['nothing, through a proxy', { 'x-forwarded-for': '127.0.0.1' }],
      ['a wrong token', { authorization: 'Bearer a-metrics-tokenx' }],
      ['no token', { authorization: 'Bearer ' }],
      ['another scheme', { authorization: `Basic ${btoa('x:a-metrics-token')}` }],
    ])('shows them to nobody with %s', async (_, headers) => {
      const response = await ask(headers);
      expect(response.status).toBe(401);
      expect(await response.text()).not.toContain('proxnix_runs');
    });

    it('has none where there is no registry', async () => {
      expect((await fetch(`${(await start()).url}/metrics`)).status).toBe(404);
    });
  });

  it('puts the security headers on every answer, errors too', async () => {
    const routes = new Hono().get('/broken', () => {
      throw new Error('broken');
    });
    const { url } = await start({ routes: [routes] });
    for (const path of ['/healthz', '/nothing', '/broken']) {
      const { headers } = await fetch(url + path);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  it('logs what went wrong unexpectedly and does not show it', async () => {
    const error = vi.fn();
    const routes = new Hono().get('/broken', () => {
      throw new Error('password is hunter2');
    });
    const { url } = await start({ routes: [routes], log: { info: vi.fn(), error } });
    const response = await fetch(`${url}/broken`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
    expect(error).toHaveBeenCalledWith(expect.objectContaining({ path: '/broken' }), expect.any(String));
  });

  it('serves the routes of others side by side', async () => {
    const { url } = await start({
      routes: [new Hono().get('/a', (c) => c.text('A')), new Hono().post('/b', (c) => c.text('B'))],
    });
    expect(await (await fetch(`${url}/a`)).text()).toBe('A');
    expect(await (await fetch(`${url}/b`, { method: 'POST' })).text()).toBe('B');
    expect((await fetch(`${url}/b`)).status).toBe(404);
  });

  it('says which address it cannot use, and what to do', async () => {
    const { port } = await start();
    const failed = await start({ port }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UserError);
    expect(failed).toMatchObject({
      message: `Cannot listen on 127.0.0.1:${port}: another program listens there.`,
      next: expect.stringContaining('port'),
    });
  });

  it('names HTTP_HOST where this machine does not have the address', async () => {
    // TEST-NET-1 of RFC 5737: no machine has it.
    const failed = await start({ host: '192.0.2.1', port: 6780 }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UserError);
    expect(failed).toMatchObject({
      message: 'Cannot listen on 192.0.2.1:6780: this machine has no such address.',
      next: 'Set HTTP_HOST to an address of this machine.',
    });
  });

  it.each([
    ['ENOTFOUND', 'there is no host of that name'],
    ['EAI_AGAIN', 'its name cannot be looked up now'],
  ])('names HTTP_HOST where the resolver answers %s', async (code, reason) => {
    const answer = (_: string, done: (error: Error) => void) => done(Object.assign(new Error('getaddrinfo'), { code }));
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(answer as never);
    const failed = await start({ host: 'nas.lan', port: 6780 }).catch((error: unknown) => error);
    lookup.mockRestore();
    expect(failed).toBeInstanceOf(UserError);
    expect(failed).toMatchObject({
      message: `Cannot listen on nas.lan:6780: ${reason}.`,
      next: 'Set HTTP_HOST to an address of this machine.',
    });
  });

  it('ends open event streams when it closes, and lets an answer under way finish', async () => {
    const work = signal<string>();
    const begun = signal<undefined>();
    const ended = vi.fn();
    const routes = new Hono()
      .get('/events', (c) =>
        streamSSE(c, async (stream) => {
          await stream.writeSSE({ data: 'hello' });
          await new Promise<void>((resolve) => stream.onAbort(resolve));
          ended();
        }),
      )
      .get('/slow', async (c) => {
        begun.resolve(undefined);
        return c.text(await work.promise);
      });
    const server = await start({ routes: [routes], graceMs: 60_000 });
    const events = (await fetch(`${server.url}/events`)).body?.getReader();
    await events?.read();
    const answer = fetch(`${server.url}/slow`);
    await begun.promise;
    const closed = server.close();
    await expect(events?.read()).rejects.toThrow();
    work.resolve('done');
    expect(await (await answer).text()).toBe('done');
    await closed;
    expect(ended).toHaveBeenCalledOnce();
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  it('cuts an answer that takes longer than the grace, and closes once however often it is asked', async () => {
    const begun = signal<undefined>();
    const routes = new Hono().get('/for-ever', () => {
      begun.resolve(undefined);
      return new Promise<Response>(() => undefined);
    });
    const server = await start({ routes: [routes], graceMs: 20 });
    // Hangs up by itself, so that a server which waits fails here and does not hang.
    const patience = AbortSignal.timeout(20_000);
    const answer = fetch(`${server.url}/for-ever`, { signal: patience }).catch((error: unknown) => error);
    await begun.promise;
    await Promise.all([server.close(), server.close()]);
    expect(await answer).toMatchObject({ name: 'TypeError', message: 'fetch failed' });
  });

  it('does not wait for a connection that carries no request', async () => {
    const server = await start({ graceMs: 60_000 });
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(socket.resume(), 'close');
    await server.close();
    await gone;
  });

  it.each([
    ['headers', 'GET /healthz HTTP/1.1\r\nHost: x\r\n', { headersTimeoutMs: 100, requestTimeoutMs: 60_000 }],
    [
      'a body',
      'POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nslow',
      { headersTimeoutMs: 100, requestTimeoutMs: 200 },
    ],
  ])('hangs up on a sender who never finishes %s', async (_, sent, timeouts) => {
    const routes = new Hono().post('/take', async (c) => c.text(await c.req.text()));
    const { port } = await start({ routes: [routes], ...timeouts });
    const socket = connect(port, '127.0.0.1');
    socket.write(sent);
    expect(await untilHangUp(socket)).toContain('408 Request Timeout');
  });
});

/** A promise that the test settles itself. */
function signal<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}
