import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../../src/cluster/proxmox/client.ts';
import type { Trust } from '../../../src/cluster/proxmox/connect.ts';
import { TlsError } from '../../../src/cluster/proxmox/errors.ts';

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
async function answering(options: tls.TlsOptions = {}) {
  const seen: (string | undefined)[] = [];
  const server = https.createServer({ ...identity, ...options }, (request, response) => {
    seen.push(request.headers.authorization);
    response.setHeader('content-type', 'application/json').end('{"data":{"release":"9.2"}}');
  });
  server.listen(0, '127.0.0.1');
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
  return `https://127.0.0.1:${address.port}`;
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
