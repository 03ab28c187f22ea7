import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { Client, type Log, type Trust } from '../../../src/cluster/proxmox/client.ts';
import { NoAnswer, ProxmoxError, ProxyAnswer, TlsError } from '../../../src/cluster/proxmox/errors.ts';
import { isLost } from '../../../src/cluster/proxmox/writes.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server | undefined;
let client: Client | undefined;
afterEach(() => {
  client?.close();
  server?.closeAllConnections();
  server?.close();
});

/** A client of a server that answers with these handlers in turn, the last one for ever. */
async function against(...given: (Handler | { readonly requestMs?: number; readonly log?: Log })[]) {
  const handlers = given.filter((one) => typeof one === 'function');
  const { requestMs = 2000, log } = given.find((one) => typeof one === 'object') ?? {};
  const requests: string[] = [];
  const pauses: number[] = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const handler = handlers[Math.min(requests.length, handlers.length - 1)];
      requests.push(`${request.method} ${request.url} ${body}`.trim());
      handler?.(request, response, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new Client({
    url,
    tokenId: 'proxnix@pve!bot',
    secret: 'canary-secret',
    requestMs,
    log,
    now: Date.now,
    sleep: async (ms) => void pauses.push(ms),
  });
  return { client, requests, pauses };
}

const data: (value: unknown) => Handler = (value) => (_, response) => {
  response.end(JSON.stringify({ data: value }));
};
const refuse: (status: number, reason: string, body?: string) => Handler =
  (status, reason, body = '') =>
  (_, response) => {
    response.writeHead(status, reason).end(body);
  };
const drop: Handler = (request) => request.socket.destroy();

describe('a read', () => {
  it.each([
    ['a reset', drop],
    ['596', refuse(596, 'Connection timed out')],
    ['595', refuse(595, 'Connection refused')],
    ['500 without a body', refuse(500, 'RPCEnvironment init request failed: Unable to load access control list')],
  ])('is asked again after %s', async (_, trouble) => {
    const { client, requests, pauses } = await against(trouble, trouble, data('yes'));
    expect(await client.get('/version', z.string())).toBe('yes');
    expect(requests).toHaveLength(3);
    expect(pauses).toEqual([1000, 2000]);
  });

  it('holds no answer without an end, and is not asked again for it', async () => {
    const endless: Handler = (_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    };
    const { client: patient, requests } = await against({ requestMs: 60_000 }, endless);
    await expect(patient.get('/version', z.unknown())).rejects.toThrow(
      'GET /version: the answer of Proxmox is longer than 64 MiB.',
    );
    expect(requests).toHaveLength(1);
  }, 60_000);

  it('is asked three times, not more', async () => {
    const { client, requests } = await against(drop);
    await expect(client.get('/version', z.string())).rejects.toBeInstanceOf(NoAnswer);
    expect(requests).toHaveLength(3);
  });

  it.each([
    [400, 'Parameter verification failed.', '{"data":null,"errors":{"x":"y"}}'],
    [401, 'Authentication failed!', ''],
    [403, 'Permission check failed (/vms/1, VM.Audit)', '{"data":null}'],
    [500, 'no such thing', '{"data":null,"message":"no such thing\\n"}'],
    [501, 'no such path', ''],
  ])('is asked once when it is refused with %d', async (status, reason, body) => {
    const { client, requests } = await against(refuse(status, reason, body));
    await expect(client.get('/version', z.string())).rejects.toMatchObject({ status, reason: expect.any(String) });
    expect(requests).toHaveLength(1);
  });

  it('puts its parameters into the query, without those that are absent', async () => {
    const { client, requests } = await against(data([]));
    await client.get('/nodes/pve1/tasks', z.array(z.unknown()), {
      source: 'all',
      since: 7,
      errors: true,
      vmid: undefined,
    });
    expect(requests).toEqual(['GET /api2/json/nodes/pve1/tasks?source=all&since=7&errors=1']);
  });

  it('says so when the answer has another form', async () => {
    const { client } = await against(data({ size: 'big' }));
    await expect(client.get('/x', z.object({ size: z.number() }))).rejects.toMatchObject({
      message: 'GET /x: Proxmox answered in a form that proxnix does not know.',
      details: [expect.stringContaining('size')],
    });
  });
});

describe('a write', () => {
  it('is sent as a form in which no character of a value separates', async () => {
    const { client, requests } = await against(data(null));
    await client.request('PUT', '/nodes/pve1/qemu/1/config', { tags: 'a;b', net0: 'virtio=x,bridge=y', onboot: false });
    expect(requests).toEqual([
      'PUT /api2/json/nodes/pve1/qemu/1/config tags=a%3Bb&net0=virtio%3Dx%2Cbridge%3Dy&onboot=0',
    ]);
  });

  it('has its parameters in the query when it is a DELETE', async () => {
    const { client, requests } = await against(data('UPID'));
    await client.request('DELETE', '/nodes/pve1/qemu/1', { purge: 1 });
    expect(requests).toEqual(['DELETE /api2/json/nodes/pve1/qemu/1?purge=1']);
  });

  it.each([
    ['a reset', drop],
    ['596', refuse(596, 'Connection timed out')],
    ['500', refuse(500, 'x', '{"data":null,"message":"x"}')],
    ['500 without a body', refuse(500, 'x')],
  ])('is sent once although it ends with %s', async (_, trouble) => {
    const { client, requests } = await against(trouble, data('again'));
    await expect(client.request('POST', '/nodes/pve1/qemu', { vmid: 1 })).rejects.toThrow();
    expect(requests).toHaveLength(1);
  });

  it('is sent again after 595: it never reached the node', async () => {
    const { client, requests } = await against(refuse(595, 'Connection refused'), data('UPID'));
    expect(await client.request('POST', '/nodes/pve2/qemu', { vmid: 1 })).toBe('UPID');
    expect(requests).toHaveLength(2);
  });

  it('without an answer in time ends as a lost answer', async () => {
    const { client } = await against(() => undefined);
    const error = await client.request('POST', '/nodes/pve1/qemu').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'timeout', reached: true });
  });

  it('never reached a server that refuses the connection', async () => {
    const { client } = await against(data(null));
    server?.close();
    const error = await client.request('POST', '/nodes/pve1/qemu').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', reached: false });
  });
});

describe('something in front of Proxmox that answers in its place', () => {
  const page: (status: number, reason: string, title: string) => Handler = (status, reason, title) => (_, response) => {
    const headers = { server: 'nginx/1.26.0', 'content-type': 'text/html' };
    response.writeHead(status, reason, headers).end(`<html><head><title>${title}</title></head></html>`);
  };

  it.each([
    ['502', page(502, 'Bad Gateway', '502 Bad Gateway')],
    ['503', page(503, 'Service Unavailable', 'Service Unavailable')],
    ['504', page(504, 'Gateway Time-out', '504 Gateway Time-out')],
    ['a page in place of an answer', page(200, 'OK', 'Maintenance')],
    ['a redirect to a log-in', (_, response) => response.writeHead(302, { location: 'https://sso.lab/' }).end()],
  ] satisfies [string, Handler][])('is asked again for a read after %s, three times at most', async (_, trouble) => {
    const { client, requests, pauses } = await against(trouble, trouble, data('yes'));
    expect(await client.get('/version', z.string())).toBe('yes');
    expect(requests).toHaveLength(3);
    expect(pauses).toEqual([1000, 2000]);
    server?.close();
    const down = await against(trouble);
    await expect(down.client.get('/version', z.string())).rejects.toBeInstanceOf(ProxyAnswer);
    expect(down.requests).toHaveLength(3);
  });

  it.each([
    [502, 'Bad Gateway'],
    [504, 'Gateway Time-out'],
    [500, 'Internal Server Error'],
  ])('leaves the answer of a write lost with %d, and the write is not repeated', async (status, reason) => {
    const { client, requests } = await against(page(status, reason, reason));
    const error = await client.request('POST', '/nodes/pve1/qemu', { vmid: 1 }).catch((thrown: unknown) => thrown);
    expect(isLost(error)).toBe(true);
    expect(requests).toHaveLength(1);
  });

  it('is named by what it says of itself', async () => {
    const { client } = await against(page(502, 'Bad Gateway', 'pve.lab | 502'));
    await expect(client.request('POST', '/nodes/pve1/qemu')).rejects.toMatchObject({
      message: expect.stringContaining('answered in its place: nginx/1.26.0, 502 Bad Gateway, "pve.lab | 502".'),
      next: expect.stringContaining('PROXMOX_URL'),
    });
  });

  it('that limits the size of a body is told to take images', async () => {
    const { client } = await against(page(413, 'Request Entity Too Large', '413'));
    await expect(client.request('POST', '/x')).rejects.toMatchObject({
      next: expect.stringContaining('client_max_body_size'),
    });
  });

  it('that leads to TLS on the same place asks for https', async () => {
    const { client } = await against((request, response) => {
      response.writeHead(301, { location: `https://${request.headers.host}/api2/json/version` }).end();
    });
    await expect(client.request('POST', '/x')).rejects.toMatchObject({
      next: expect.stringContaining('https:// in place of http://'),
    });
  });

  it('does not hide an error of Proxmox that comes through it', async () => {
    const body = '{"data":null,"message":"no such thing\\n"}';
    const { client } = await against((_, response) => {
      response.writeHead(500, 'no such thing', { server: 'nginx/1.26.0' }).end(body);
    });
    await expect(client.request('POST', '/x')).rejects.toBeInstanceOf(ProxmoxError);
  });
});

it('the whole of a long refusal is in the log, and people read its first line', async () => {
  const lines: object[] = [];
  const log = { debug: (facts: object) => void lines.push(facts), warn() {} };
  const long = `start failed: command '/usr/bin/kvm ${'-device x '.repeat(400)}' failed: got timeout`;
  const { client } = await against({ log }, refuse(500, 'start failed', JSON.stringify({ data: null, message: long })));
  await expect(client.request('POST', '/x')).rejects.toThrow(
    "POST /x: 500 start failed: command '/usr/bin/kvm …' failed: got timeout",
  );
  expect(JSON.stringify(lines)).toContain(long);
});

describe('a redirect', () => {
  /** What somebody else's server is asked, with the token it got. */
  async function elsewhere() {
    const asked: string[] = [];
    const stranger = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      request.resume();
      response.end('{"data":"taken"}');
    });
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    onTestFinished(() => {
      stranger.closeAllConnections();
      stranger.close();
    });
    return { asked, port: (stranger.address() as AddressInfo).port };
  }

  const stream = () => ({ stream: Readable.from([Buffer.from('abc')]), length: 3, contentType: 'text/x' });
  const calls: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
    'a read': (client) => client.get('/version', z.string()),
    'a write': (client) => client.request('POST', '/nodes/pve1/qemu', { vmid: 1 }),
    'a delete': (client) => client.request('DELETE', '/nodes/pve1/qemu/1'),
    'an upload': (client) => client.upload('/nodes/pve1/storage/i/upload', stream(), new AbortController().signal),
  };
  const cases = Object.keys(calls).flatMap((name) =>
    [301, 302, 303, 307, 308].map((status) => [name, status] as const),
  );

  it.each(cases)(
    'of %s with %d is not followed, neither to another server nor to the same one',
    async (name, status) => {
      const { asked, port } = await elsewhere();
      for (const to of [`http://127.0.0.1:${port}/api2/json/elsewhere`, '/api2/json/elsewhere']) {
        const { client, requests } = await against((_, response) => {
          response.writeHead(status, { location: to }).end();
        });
        const failed = await calls[name]?.(client).catch((error: unknown) => error);
        expect(failed).toBeInstanceOf(NoAnswer);
        expect(failed).toMatchObject({ code: 'redirect', reached: true, next: expect.stringContaining('PROXMOX_URL') });
        expect(requests.filter((request) => request.includes('elsewhere'))).toEqual([]);
        expect(requests).toHaveLength(name === 'a read' ? 3 : 1);
        client.close();
        server?.close();
      }
      expect(asked).toEqual([]);
    },
  );
});

it('a stream goes out with its length and not in chunks', async () => {
  let headers: IncomingMessage['headers'] = {};
  const { client, requests } = await against((request, response) => {
    headers = request.headers;
    response.end('{"data":"UPID"}');
  });
  const never = new AbortController().signal;
  const stream = Readable.from([Buffer.from('ab'), Buffer.from('c')], { objectMode: false });
  const body = { stream, length: 3, contentType: 'text/x' };
  expect(await client.upload('/nodes/pve1/storage/i/upload', body, never)).toBe('UPID');
  expect(headers).toMatchObject({ 'content-length': '3', 'content-type': 'text/x' });
  expect(headers['transfer-encoding']).toBeUndefined();
  expect(requests).toEqual(['POST /api2/json/nodes/pve1/storage/i/upload abc']);
});

it('the secret is in no error and in nothing that a logger can see', async () => {
  const { client } = await against(refuse(403, 'Permission check failed (/, Sys.Audit)', '{"data":null}'));
  const error = await client.get('/x', z.string()).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProxmoxError);
  const { inspect } = await import('node:util');
  const everything = [
    inspect(error, { depth: 9, showHidden: true }),
    inspect(client, { depth: 3 }),
    JSON.stringify(client),
  ];
  expect(everything.join('\n')).not.toContain('canary-secret');
});

it('the server is asked for the time by its answers', async () => {
  const { client } = await against((_, response) => {
    response.setHeader('date', 'Sun, 22 Nov 2026 12:00:00 GMT').end('{"data":""}');
  });
  await client.get('/x', z.string());
  expect(Math.abs(client.serverTime() - Date.parse('2026-11-22T12:00:00Z') / 1000)).toBeLessThanOrEqual(60);
});

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const identity = { key: fixture('localhost.key'), cert: fixture('localhost.crt') };
const fingerprint = new X509Certificate(identity.cert).fingerprint256;
const otherIdentity = { key: fixture('stranger.key'), cert: fixture('stranger.crt') };
const stranger = fingerprint.replace(/^../, (byte) => (byte === 'AA' ? 'BB' : 'AA'));
const secret = '11111111-2222-4333-8444-canary000000';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that answers, and remembers the Authorization header of each request. */
async function answering(options: tls.TlsOptions = {}, host = '127.0.0.1') {
  const seen: (string | undefined)[] = [];
  const server = https.createServer({ ...identity, ...options }, (request, response) => {
    seen.push(request.headers.authorization);
    response.setHeader('content-type', 'application/json').end('{"data":{"release":"9.2"}}');
  });
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(() => server.close());
  return { url: urlOf(server), seen, server };
}

/** A server that only remembers what bytes come through its TLS connections. */
async function listening() {
  const bytes: Buffer[] = [];
  const server = tls.createServer(identity, (socket) => {
    socket.on('data', (chunk: Buffer) => bytes.push(chunk));
    socket.on('error', () => socket.destroy());
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return { url: urlOf(server), bytes };
}

function urlOf(server: tls.Server): string {
  const address = server.address() as AddressInfo;
  return `https://${address.address}:${address.port}`;
}

function connect(url: string, trust: Trust): Client {
  const client = new Client({
    url,
    tokenId: 'proxnix@pve!bot',
    secret,
    ...trust,
    requestMs: 10_000,
    now: Date.now,
    sleep: () => Promise.resolve(),
  });
  closers.push(() => client.close());
  return client;
}

const version = (client: Client) => client.get('/version', z.object({ release: z.string() }));

describe('a server that proves who it is', () => {
  it.each([
    ['by its fingerprint', { fingerprints: [fingerprint] }],
    ['by one of several fingerprints', { fingerprints: [stranger, fingerprint] }],
    ['by the CA', { ca: identity.cert }],
    ['by both', { ca: identity.cert, fingerprints: [fingerprint] }],
  ])('%s gets the token', async (_, trust) => {
    const { url, seen } = await answering();
    expect(await version(connect(url, trust))).toEqual({ release: '9.2' });
    expect(seen).toEqual([`PVEAPIToken=proxnix@pve!bot=${secret}`]);
  });

  it('is asked again over the same connection', async () => {
    const { url, server } = await answering();
    let connections = 0;
    server.on('secureConnection', () => connections++);
    const client = connect(url, { fingerprints: [fingerprint] });
    await version(client);
    await version(client);
    expect(connections).toBe(1);
  });
});

it('a token id arrives as it is, whatever characters its user has', async () => {
  const { url, seen } = await answering();
  const tokenId = 'jö;50%@lab.org@sso!bot';
  const client = new Client({
    ...{ url, tokenId, secret, ca: identity.cert, requestMs: 10_000, now: Date.now },
    sleep: () => Promise.resolve(),
  });
  closers.push(() => client.close());
  await version(client);
  // PVE::APIServer::Formatter: what is before the first `;`, percent-decoded.
  const read = /^PVEAPIToken[= ]([^;]*)/.exec(seen[0] ?? '')?.[1] ?? '';
  expect(decodeURIComponent(read)).toBe(`${tokenId}=${secret}`);
});

describe('a server that does not', () => {
  it.each([
    ['has another fingerprint', { fingerprints: [stranger] }],
    ['is signed by nobody known', {}],
    ['has another fingerprint, though signed by the CA', { ca: identity.cert, fingerprints: [stranger] }],
    ['has the fingerprint, but not the CA', { ca: otherCa(), fingerprints: [fingerprint] }],
  ])('never gets a byte of the request when it %s', async (_, trust) => {
    const { url, bytes } = await listening();
    const client = connect(url, trust);
    await expect(version(client)).rejects.toBeInstanceOf(TlsError);
    await expect(client.request('POST', '/nodes/pve1/qemu', { vmid: 1 })).rejects.toBeInstanceOf(TlsError);
    expect(Buffer.concat(bytes).length).toBe(0);
  });

  it('is named by the fingerprint it has, so that a person can compare it', async () => {
    const { url } = await listening();
    await expect(version(connect(url, { fingerprints: [stranger] }))).rejects.toThrow(fingerprint);
  });

  it.each([
    ['nothing', {}, ['/etc/pve/pve-root-ca.pem', 'fingerprint'], []],
    ['a fingerprint', { fingerprints: [stranger] }, ['PROXMOX_FINGERPRINTS'], ['CA file']],
    ['a CA', { ca: otherCa() }, ['PROXMOX_CA_FILE', 'pveproxy-ssl.pem'], ['fingerprint']],
    ['both', { ca: otherCa(), fingerprints: [fingerprint] }, ['leave out PROXMOX_CA_FILE'], ['Give the CA file']],
  ])('asks for nothing that was given: %s', async (_, trust, wanted, given) => {
    const { url } = await listening();
    const error = await version(connect(url, trust)).catch((thrown: unknown) => thrown);
    const next = error instanceof TlsError ? (error.next ?? '') : '';
    for (const word of wanted) expect(next).toContain(word);
    for (const word of given) expect(next).not.toContain(word);
  });

  it('has a certificate for other names: that is what is said, not that a CA is missing', async () => {
    const { url } = await answering({}, '127.0.0.2');
    const error = await version(connect(url, { ca: identity.cert })).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TlsError);
    expect(error).toMatchObject({ next: expect.stringContaining('other names than the one in PROXMOX_URL') });
  });
});

describe('a port of the other kind', () => {
  it('that speaks plain HTTP is not told to have a bad certificate', async () => {
    const plain = createServer((_, response) => response.end('{"data":{"release":"9.2"}}'));
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    onTestFinished(() => void plain.close());
    const client = connect(`https://127.0.0.1:${(plain.address() as AddressInfo).port}`, { ca: identity.cert });
    const error = await client.request('POST', '/x').catch((thrown: unknown) => thrown);
    expect(error).not.toBeInstanceOf(TlsError);
    expect(error).toMatchObject({ next: expect.stringContaining('8006') });
  });

  it('that breaks the encryption after it has the request gets the write once: it may have carried it out', async () => {
    const requests: string[] = [];
    const api = https.createServer(identity, (request) => void requests.push(request.method ?? ''));
    const wire = createTcpServer((near) => {
      const far = connectTcp((api.address() as AddressInfo).port, '127.0.0.1');
      for (const one of [near, far]) one.on('error', () => one.destroy());
      near.pipe(far);
      far.pipe(near, { end: false });
      api.once('request', () => {
        far.unpipe(near);
        near.end('no record of TLS');
      });
    });
    for (const one of [api, wire]) {
      one.listen(0, '127.0.0.1');
      await once(one, 'listening');
      onTestFinished(() => void one.close());
    }
    onTestFinished(() => api.closeAllConnections());
    const client = connect(`https://127.0.0.1:${(wire.address() as AddressInfo).port}`, { ca: identity.cert });
    const error = await client.request('POST', '/x').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(?:ERR_SSL|EPROTO)/), reached: true });
    expect(isLost(error)).toBe(true);
    expect(requests).toEqual(['POST']);
  });

  it('that answers in something else than HTTP is asked for over https', async () => {
    const other = createTcpServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', () => socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 0x46])));
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const client = connect(`http://127.0.0.1:${(other.address() as AddressInfo).port}`, {});
    await expect(client.request('POST', '/x')).rejects.toMatchObject({
      next: expect.stringContaining('https:// in place of http://'),
    });
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('each connection over %s', (maxVersion) => {
  const trusts: readonly (readonly [string, Trust])[] = [
    ['by its fingerprint', { fingerprints: [fingerprint] }],
    ['by the CA', { ca: identity.cert }],
    ['by both', { ca: identity.cert, fingerprints: [fingerprint] }],
  ];

  /** A server that can take up the sessions of before under any certificate. */
  async function resuming() {
    const ticketKeys = Buffer.alloc(48, 7);
    const { url, seen, server } = await answering({ maxVersion, ticketKeys });
    const resumed: boolean[] = [];
    server.on('secureConnection', (socket: tls.TLSSocket) => resumed.push(socket.isSessionReused()));
    const become = (other: typeof identity) => server.setSecureContext({ ...other, maxVersion, ticketKeys });
    return { url, seen, resumed, become };
  }
  const write = (client: Client) => client.request('POST', '/nodes/pve1/qemu', { vmid: 1 });

  it('can be resumed as far as the server is concerned', async () => {
    const { url, resumed, become } = await resuming();
    const agent = new https.Agent({ ca: identity.cert });
    const get = async () => {
      const request = https.get(url, { agent }, (response) => response.resume());
      await once(request, 'close');
    };
    await get();
    become(otherIdentity);
    await get();
    expect(resumed).toEqual([false, true]);
  });

  it.each(trusts)('shows its certificate anew %s, although a session could be resumed', async (_, trust) => {
    const { url, resumed } = await resuming();
    const client = connect(url, trust);
    for (let turn = 0; turn < 3; turn += 1) await write(client);
    expect(resumed).toEqual([false, false, false]);
  });

  it.each(trusts)('is refused %s once the server shows another certificate', async (_, trust) => {
    const { url, seen, become } = await resuming();
    const client = connect(url, trust);
    await write(client);
    become(otherIdentity);
    await expect(write(client)).rejects.toBeInstanceOf(TlsError);
    expect(seen).toHaveLength(1);
    become(identity);
    await write(client);
    expect(seen).toHaveLength(2);
  });
});

it('plain HTTP is refused to everything but the machine itself', () => {
  expect(() => connect('http://pve1.example.net:8006', {})).toThrow('is not encrypted');
  for (const host of ['127.0.0.1', '127.0.0.2', 'localhost', '[::1]']) {
    expect(() => connect(`http://${host}:8006`, {}), host).not.toThrow();
  }
});

/** Some CA that Node knows and that signed nothing here. */
function otherCa(): string {
  const [root] = tls.rootCertificates;
  if (root === undefined) throw new Error('Node has no root certificates');
  return root;
}
