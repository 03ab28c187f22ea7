import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addressFor, type EgressPolicy, startEgress } from '../../../src/builder/nix/egress.ts';
import { removeTree } from '../../../src/lib/system.ts';

const names: Readonly<Record<string, readonly string[]>> = {
  'public.example.org': ['140.82.121.4'],
  'inside.example.org': ['10.0.0.5'],
  'both.example.org': ['140.82.121.4', '127.0.0.1'],
  'git.lan': ['192.168.1.5'],
  'meta.example.org': ['169.254.169.254'],
};
const resolve = async (host: string) => names[host] ?? [];

describe('the address of a host', () => {
  const fetching: EgressPolicy = { hosts: ['git.lan', '127.0.0.1:3000'], publicHosts: true };

  it.each([
    ['public.example.org', 443, '140.82.121.4'],
    ['PUBLIC.example.org', 443, '140.82.121.4'],
    ['git.lan', 443, '192.168.1.5'],
    ['git.lan', 22, '192.168.1.5'],
    ['127.0.0.1', 3000, '127.0.0.1'],
    ['1.1.1.1', 443, '1.1.1.1'],
  ])('%s:%i is %s', async (host, port, ip) => {
    expect(await addressFor(fetching, resolve, host, port)).toEqual({ ip });
  });

  it.each([
    ['inside.example.org', 443, 'private'],
    ['both.example.org', 443, "the bot's own machine"],
    ['meta.example.org', 80, 'link-local'],
    ['127.0.0.1', 6780, "the bot's own machine"],
    ['[::1]', 6780, "the bot's own machine"],
    ['::ffff:127.0.0.1', 6780, "the bot's own machine"],
    ['git.lan', 8006, 'private'],
    ['nowhere.example.org', 443, 'no address'],
  ])('%s:%i is none: %s', async (host, port, why) => {
    expect(await addressFor(fetching, resolve, host, port)).toEqual({ why: expect.stringContaining(why) });
  });

  it('is none of the public ones where only named hosts may be reached', async () => {
    const evaluating: EgressPolicy = { hosts: ['git.lan'], publicHosts: false };
    expect(await addressFor(evaluating, resolve, 'public.example.org', 443)).toEqual({
      why: 'public.example.org:443 is not among the hosts of NIX_EVAL_HOSTS.',
    });
    expect(await addressFor(evaluating, resolve, 'git.lan', 443)).toEqual({ ip: '192.168.1.5' });
  });
});

/** An egress on a socket, and a server behind it. */
async function aWorld(policy: (port: number) => EgressPolicy) {
  const dir = await mkdtemp(join(tmpdir(), 'proxnix-egress-'));
  onTestFinished(() => removeTree(dir));
  const paths: string[] = [];
  const server = createServer((incoming, response) => {
    paths.push(incoming.url ?? '');
    if (incoming.url === '/away') response.writeHead(302, { location: 'http://127.0.0.1:1/' });
    response.end('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socketPath = join(dir, 'egress');
  const egress = await startEgress(socketPath, policy(port), async () => ['127.0.0.1']);
  onTestFinished(async () => {
    await egress.close();
    server.closeAllConnections();
    server.close();
  });
  return { socketPath, port, egress, paths };
}

async function get(socketPath: string, url: string): Promise<{ status: number | undefined; text: string }> {
  const asking = request({ socketPath, path: url, headers: { host: new URL(url).host } });
  asking.end();
  const [response] = await once(asking, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, text };
}

/** What comes back through a tunnel, as text. */
async function through(socketPath: string, target: string, send: string): Promise<string> {
  const client = connect(socketPath);
  client.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  const [head] = await once(client, 'data');
  if (send !== '') client.write(send);
  client.end();
  let text = String(head);
  for await (const chunk of client) text += String(chunk);
  return text;
}

describe('the egress', () => {
  it('forwards plain HTTP to a host that is named, and tells the redirect without following it', async () => {
    const { socketPath, port, paths } = await aWorld((known) => ({ hosts: [`git.lan:${known}`], publicHosts: false }));
    expect(await get(socketPath, `http://git.lan:${port}/a?b=c`)).toEqual({ status: 200, text: 'hello' });
    expect(await get(socketPath, `http://git.lan:${port}/away`)).toMatchObject({ status: 302 });
    expect(paths).toEqual(['/a?b=c', '/away']);
  });

  it('joins a tunnel to a host that is named', async () => {
    const { socketPath, port } = await aWorld((known) => ({ hosts: [`git.lan:${known}`], publicHosts: false }));
    const text = await through(socketPath, `git.lan:${port}`, 'GET /x HTTP/1.0\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 Connection established\r\n\r\n[\s\S]*hello$/);
  });

  it('refuses what resolves to this machine, by tunnel and plainly, and tells why', async () => {
    const { socketPath, port, egress, paths } = await aWorld(() => ({ hosts: [], publicHosts: true }));
    expect(await get(socketPath, `http://rebind.example.org:${port}/`)).toMatchObject({ status: 403 });
    expect(await through(socketPath, `rebind.example.org:${port}`, '')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await through(socketPath, 'no port', '')).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(paths).toEqual([]);
    const why = `rebind.example.org:${port} is not reached: its address is not public (the bot's own machine).`;
    expect(egress.refused()).toEqual([why, why]);
  });

  it('ends a tunnel when it is closed', async () => {
    const held = createTcpServer(() => {});
    held.listen(0, '127.0.0.1');
    await once(held, 'listening');
    const { port } = held.address() as AddressInfo;
    const { socketPath, egress } = await aWorld(() => ({ hosts: [`git.lan:${port}`], publicHosts: false }));
    const client = connect(socketPath);
    client.write(`CONNECT git.lan:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(client, 'data');
    const closed = once(client, 'close');
    client.on('error', () => {});
    const closing = egress.close();
    const late = sleep(10_000, 'late', { ref: false });
    const first = await Promise.race([closed, late]);
    client.destroy();
    expect(first).not.toBe('late');
    await closing;
    held.close();
  });
});
