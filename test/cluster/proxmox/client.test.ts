import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { Client } from '../../../src/cluster/proxmox/client.ts';
import { NoAnswer, ProxmoxError } from '../../../src/cluster/proxmox/errors.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server | undefined;
let client: Client | undefined;
afterEach(() => {
  client?.close();
  server?.closeAllConnections();
  server?.close();
});

/** A client of a server that answers with these handlers in turn, the last one for ever. */
async function against(...given: (Handler | { readonly requestMs: number })[]) {
  const handlers = given.filter((one) => typeof one === 'function');
  const requestMs = given.find((one) => typeof one === 'object')?.requestMs ?? 2000;
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
