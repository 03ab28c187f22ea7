import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { afterEach, describe, expect, it } from 'vitest';
import type { PushEvent } from '../../src/core/commit.ts';
import type { PullEvent } from '../../src/core/pull.ts';
import { RecentDeliveries, type WebhookOptions, webhookRoutes } from '../../src/forge/route.ts';
import { forges } from '../../src/forges.ts';
import { createLog } from '../../src/log.ts';
import { createGate, Secret } from '../../src/secret.ts';
import { untilHangUp } from '../support/hang-up.ts';
import { gitlabBody, hmacHex, hubBody, hubPullBody, secret, sha, signed } from './samples.ts';

const open: { server: ServerType; sockets: Set<Socket> }[] = [];

afterEach(async () => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
});

async function aReceiver(options: Partial<WebhookOptions> = {}) {
  const pushes: PushEvent[] = [];
  const pulls: PullEvent[] = [];
  const lines: string[] = [];
  const log = createLog({
    gate: createGate([new Secret(secret)], []),
    pretty: false,
    destination: { write: (line: string) => lines.push(line) },
  });
  const routes = webhookRoutes({
    forges,
    secret: new Secret(secret),
    log,
    onPush(push) {
      pushes.push(push);
      if (push.repository === 'ada/fleet' && push.ref === 'refs/heads/main') return { kind: 'accepted' };
      const isOtherRepository = push.repository !== 'ada/fleet';
      return { kind: 'ignored', why: `${push.repository} ${push.ref} is not expected`, isOtherRepository };
    },
    onPull(pull) {
      pulls.push(pull);
      return { kind: 'accepted' };
    },
    ...options,
  });
  routes.onError((_, c) => c.json({ error: 'unexpected' }, 500));
  const server = createAdaptorServer({ fetch: routes.fetch });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ server, sockets });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, path = '/webhook') =>
    fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body, headers });
  return { port, pushes, pulls, lines, post };
}

/** Sends raw bytes of HTTP and gives all that comes back until the server hangs up. */
async function raw(port: number, write: (socket: Socket) => void): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => write(socket));
  return untilHangUp(socket);
}

function head(headers: Record<string, string>): string {
  const lines = Object.entries({ host: 'proxnix', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /webhook HTTP/1.1\r\n${lines.join('')}\r\n`;
}

describe('a push', () => {
  it.each(['github', 'gitea', 'forgejo'] as const)('of %s is taken, on both paths', async (name) => {
    const { pushes, post } = await aReceiver({ deliveries: new RecentDeliveries(0) });
    const body = hubBody();
    for (const path of ['/webhook', '/whlisten']) {
      const answer = await post(body, signed[name](body), path);
      expect([answer.status, await answer.text()]).toEqual([202, '{"status":"accepted"}']);
    }
    expect(pushes).toHaveLength(2);
    expect(pushes[0]).toMatchObject({ repository: 'ada/fleet', ref: 'refs/heads/main', after: sha });
  });

  it('of gitlab is taken', async () => {
    const { pushes, post } = await aReceiver();
    expect((await post(gitlabBody({ project: { path_with_namespace: 'Ada/Fleet' } }), signed.gitlab())).status).toBe(
      202,
    );
    expect(pushes).toHaveLength(1);
  });

  it.each([
    ['another repository', hubBody({ repository: { full_name: 'ada/other' } }), 'ada/other refs/heads/main', 'warn'],
    [
      'a fork',
      hubBody({ repository: { full_name: 'mallory/fleet', fork: true } }),
      'mallory/fleet refs/heads/main',
      'warn',
    ],
    ['another branch', hubBody({ ref: 'refs/heads/next' }), 'ada/fleet refs/heads/next', 'info'],
    ['a tag called like the branch', hubBody({ ref: 'refs/tags/main' }), 'ada/fleet refs/tags/main', 'info'],
  ])('to %s is ignored: the answer and the log say why', async (_, body, came, level) => {
    const { post, lines } = await aReceiver();
    const answer = await post(body, signed.github(body));
    const why = `${came} is not expected`;
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ignored', why }]);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level, forge: 'github', why }]);
  });

  it('that deletes the branch reaches the caller without a commit', async () => {
    const { pushes, post } = await aReceiver();
    const body = hubBody({ after: '0'.repeat(40), deleted: true });
    await post(body, signed.github(body));
    expect(pushes[0] && 'after' in pushes[0]).toBe(false);
  });

  it('carries nothing of an address in a commit message', async () => {
    const { pushes, lines, post } = await aReceiver();
    const body = hubBody();
    await post(body, signed.github(body));
    expect(JSON.stringify([pushes, lines])).not.toContain('evil');
  });

  it('that comes again is handed over as a repeated one, also under ten at once', async () => {
    const pushes: PushEvent[] = [];
    const isOtherRepository = false;
    const { post } = await aReceiver({
      onPush(push) {
        pushes.push(push);
        return push.isRepeated === true ? { kind: 'ignored', why: 'seen', isOtherRepository } : { kind: 'accepted' };
      },
    });
    const body = hubBody();
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(body, signed.github(body))));
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(9);
    expect(await (await post(body, signed.github(body))).json()).toEqual({ status: 'already seen' });
    expect(pushes.map(({ isRepeated }) => isRepeated)).toEqual([undefined, ...Array.from({ length: 10 }, () => true)]);
  });

  it('is handed over under each delivery id of its own', async () => {
    const { pushes, post } = await aReceiver();
    const body = hubBody();
    const ids = Array.from({ length: 10 }, (_, index) => `delivery-${index}`);
    await Promise.all(ids.map((id) => post(body, { ...signed.github(body), 'x-github-delivery': id })));
    expect(new Set(pushes.map((push) => push.delivery))).toEqual(new Set(ids));
  });

  it('that broke the bot may come again', async () => {
    let broken = true;
    const { post } = await aReceiver({
      onPush() {
        if (broken) throw new Error('disk full');
        return { kind: 'accepted' };
      },
    });
    const body = hubBody();
    expect((await post(body, signed.github(body))).status).toBe(500);
    broken = false;
    expect((await post(body, signed.github(body))).status).toBe(202);
  });

  it('is answered before anything comes of it', async () => {
    let planned: (() => void) | undefined;
    const planning = new Promise<void>((resolve) => {
      planned = resolve;
    });
    let done = false;
    const { post } = await aReceiver({
      onPush() {
        void planning.then(() => {
          done = true;
        });
        return { kind: 'accepted' };
      },
    });
    const body = hubBody();
    expect((await post(body, signed.github(body))).status).toBe(202);
    expect(done).toBe(false);
    planned?.();
    await planning;
    expect(done).toBe(true);
  });
});

describe('a stranger', () => {
  const body = hubBody();
  const right = signed.github(body);
  const { 'x-hub-signature-256': _, ...unsigned } = right;

  it.each([
    ['no signature', unsigned],
    ['an empty signature', { ...right, 'x-hub-signature-256': '' }],
    ['a wrong signature', { ...right, 'x-hub-signature-256': `sha256=${hmacHex(body, 'other')}` }],
    ['a wrongly prefixed signature', { ...right, 'x-hub-signature-256': `sha1=${hmacHex(body)}` }],
    ['a signature of another forge’s form', { ...right, 'x-hub-signature-256': hmacHex(body) }],
    ['no header of a forge', { 'x-hub-signature-256': `sha256=${hmacHex(body)}` }],
    ['no header at all', {}],
  ])('with %s hears 401 and nothing else', async (__, headers) => {
    const { pushes, lines, post } = await aReceiver();
    const answer = await post(body, headers);
    expect([answer.status, await answer.text()]).toEqual([401, '{"status":"unauthorized"}']);
    expect(pushes).toEqual([]);
    expect(lines.join()).toContain('webhook refused');
    expect(lines.join()).not.toMatch(/evil|ada\/fleet/i);
  });

  it('hears the same for a malformed body as for a good one: it is not read before it is verified', async () => {
    const { post } = await aReceiver();
    for (const text of ['{', '['.repeat(100_000), '']) expect((await post(text, right)).status).toBe(401);
  });

  it('cannot make a later delivery look known', async () => {
    const { pushes, post } = await aReceiver();
    await post(body, { ...right, 'x-hub-signature-256': 'sha256=00' });
    expect((await post(body, right)).status).toBe(202);
    expect(pushes).toHaveLength(1);
  });

  it('finds nothing but POST', async () => {
    const { port } = await aReceiver();
    expect((await fetch(`http://127.0.0.1:${port}/webhook`)).status).toBe(404);
  });

  it('does not find the secret in the log', async () => {
    const { lines, post } = await aReceiver();
    await post('{}', { ...signed.gitlab(), 'x-gitlab-event': 'Issue Hook' });
    await post(body, { ...right, 'content-type': `text/${secret}`, 'x-hub-signature-256': '' });
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain(secret);
  });
});

describe('a signed body', () => {
  it.each([
    ['no JSON', '{'],
    ['nested deeply', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['of another form', '{"ref":7}'],
  ])('that is %s is malformed', async (_, body) => {
    const { pushes, post } = await aReceiver();
    const answer = await post(body, signed.github(body));
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('malformed')]);
    expect(pushes).toEqual([]);
  });

  it('that is no UTF-8 is malformed, not mended', async () => {
    const { pushes, post } = await aReceiver();
    const body = Buffer.from(hubBody({ padding: '\u00ff' }), 'latin1');
    const answer = await post(new Uint8Array(body), signed.github(body));
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('no JSON in UTF-8')]);
    expect(pushes).toEqual([]);
  });

  it('of a ping is ignored', async () => {
    const { post } = await aReceiver();
    const answer = await post('{"zen":"…"}', { ...signed.github('{"zen":"…"}'), 'x-github-event': 'ping' });
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ignored', why: 'a ping' }]);
  });

  it('is taken up to the limit and not above', async () => {
    const { post } = await aReceiver({ limitBytes: 2_000 });
    const base = hubBody({ padding: '' }).length;
    const fits = hubBody({ padding: 'x'.repeat(2_000 - base) });
    expect(fits).toHaveLength(2_000);
    expect((await post(fits, signed.github(fits))).status).toBe(202);
    const tooLong = `${fits} `;
    expect((await post(tooLong, signed.github(tooLong))).status).toBe(413);
  });
});

describe('a large or slow sender', () => {
  const { 'content-type': _, ...headers } = signed.github('');

  it('is told 413 by the length it announces, before it has sent anything', async () => {
    const { port } = await aReceiver({ limitBytes: 1_000 });
    const answer = await raw(port, (socket) => socket.write(head({ ...headers, 'content-length': '1001' })));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is told 413 for more than 1 MiB where nothing else is said', async () => {
    const { port } = await aReceiver();
    const answer = await raw(port, (socket) =>
      socket.write(head({ ...headers, 'content-length': String(2 ** 20 + 1) })),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is told 413 when chunks grow too large, and is not listened to any further', async () => {
    const { port, pushes } = await aReceiver({ limitBytes: 64 * 1024 });
    let sent = 0;
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const answer = await raw(port, (socket) => {
      socket.write(head({ ...headers, 'transfer-encoding': 'chunked' }));
      const more = () => {
        // A server that listens on and on gets 64 MiB and no more.
        while (!socket.destroyed && sent < 2 ** 26 && socket.write(chunk)) sent += chunk.length;
        if (!socket.destroyed && sent < 2 ** 26) socket.once('drain', more);
      };
      more();
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeGreaterThan(64 * 1024);
    expect(pushes).toEqual([]);
  });

  it('is told 408 when it stops in mid-body', async () => {
    const { port, pushes } = await aReceiver({ bodyTimeoutMs: 50 });
    const answer = await raw(port, (socket) => socket.write(`${head({ ...headers, 'content-length': '100' })}{"ref":`));
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(pushes).toEqual([]);
  });

  it('is told 408 also when it goes on sending a byte at a time', async () => {
    const { port } = await aReceiver({ bodyTimeoutMs: 80 });
    const answer = await raw(port, (socket) => {
      socket.write(head({ ...headers, 'content-length': '100000' }));
      const drip = setInterval(() => socket.write(' '), 10);
      socket.once('close', () => clearInterval(drip));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('that hangs up in mid-body breaks nothing', async () => {
    const { port, post, pushes } = await aReceiver();
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    await new Promise<void>((resolve) => {
      socket.write(`${head({ ...headers, 'content-length': '100' })}{"ref":`, () => resolve());
    });
    socket.destroy();
    await once(socket, 'close');
    const body = hubBody();
    expect((await post(body, signed.github(body))).status).toBe(202);
    expect(pushes).toHaveLength(1);
  });

  it('does not hold up others', async () => {
    const { port, post } = await aReceiver({ bodyTimeoutMs: 60_000 });
    const slow = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
    await Promise.all(
      slow.map(async (socket) => {
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        socket.write(head({ ...headers, 'content-length': '100' }));
      }),
    );
    const body = hubBody();
    expect((await post(body, signed.github(body))).status).toBe(202);
    for (const socket of slow) socket.destroy();
  });
});

it('remembers as many ids as it may and forgets the oldest first', () => {
  const deliveries = new RecentDeliveries(2);
  for (const id of ['a', 'b', 'a', 'c']) deliveries.add(id);
  expect(['a', 'b', 'c'].map((id) => deliveries.has(id))).toEqual([true, false, true]);
});

describe('a pull request', () => {
  const body = hubPullBody('opened');
  const headers = { ...signed.github(body), 'x-github-event': 'pull_request' };

  it('is taken, and taken once however often it is sent', async () => {
    const { pulls, post, lines } = await aReceiver();
    expect((await post(body, headers)).status).toBe(202);
    expect(await (await post(body, headers)).json()).toEqual({ status: 'already seen' });
    expect(pulls).toHaveLength(1);
    expect(lines.join()).not.toContain('evil.example');
  });

  it('is not read without the right signature', async () => {
    const { pulls, post } = await aReceiver();
    const forged = { ...headers, 'x-hub-signature-256': `sha256=${hmacHex(body, 'another-secret')}` };
    expect((await post(body, forged)).status).toBe(401);
    expect((await post(hubPullBody('closed'), headers)).status).toBe(401);
    expect(pulls).toEqual([]);
  });

  it('of more than the limit is not read', async () => {
    const { pulls, post } = await aReceiver({ limitBytes: 1000 });
    const large = hubPullBody('opened', { padding: 'x'.repeat(2000) });
    expect((await post(large, { ...signed.github(large), 'x-github-event': 'pull_request' })).status).toBe(413);
    expect(pulls).toEqual([]);
  });
});
