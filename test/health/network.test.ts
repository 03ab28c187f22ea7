import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type PageTransport, tryPage } from '../../src/health/network.ts';
import { aNetwork, serve, serveRaw, serveTls } from './bench.ts';

const never = new AbortController().signal;
const pem = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../cluster/proxmox/fixtures/localhost.${name}`, import.meta.url)), 'utf8');

/** A network with names; one that is not there does not resolve. */
function tools(ports: Readonly<Record<string, number>>, names: Readonly<Record<string, readonly string[]>> = {}) {
  const network = aNetwork(ports);
  const lookups: string[] = [];
  const lookup: PageTransport['lookup'] = async (name) => {
    lookups.push(name);
    const found = names[name];
    if (found === undefined) throw Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    return found;
  };
  return { ...network, lookup, lookups };
}

describe('a URL', () => {
  it.each([
    [200, true, '200 OK'],
    [204, true, '204 No Content'],
    [301, true, '301 Moved Permanently'],
    [404, false, '404 Not Found'],
    [503, false, '503 Service Unavailable'],
    [599, false, '599'],
  ])('that answers %i', async (status, ok, text) => {
    const port = await serve((_, response) => {
      response.writeHead(status, '`what the guest *says*`').end();
    });
    expect(await tryPage(tools({ '10.77.0.73:80': port }), 'http://10.77.0.73/', never)).toEqual({ ok, text });
  });

  it('is asked by its name at the address that was checked, with its path and query', async () => {
    const requests: IncomingMessage[] = [];
    const port = await serve((request, response) => {
      requests.push(request);
      response.end();
    });
    const ways = tools({ '10.77.0.73:8080': port }, { 'web.example.net': ['10.77.0.73'] });
    await tryPage(ways, 'http://web.example.net:8080/health?full=1', never);
    expect(requests.map(({ method, url, headers }) => [method, url, headers.host, headers['accept-encoding']])).toEqual(
      [['GET', '/health?full=1', 'web.example.net:8080', undefined]],
    );
    expect([ways.lookups, ways.dialed]).toEqual([['web.example.net'], ['10.77.0.73:8080']]);
  });

  it('is tried at the next address when the first refuses', async () => {
    const port = await serve((_, response) => response.end());
    const ways = tools({ '10.77.0.74:80': port }, { web: ['10.77.0.73', '10.77.0.74'] });
    expect(await tryPage(ways, 'http://web/', never)).toEqual({ ok: true, text: '200 OK' });
    expect(ways.dialed).toEqual(['10.77.0.73:80', '10.77.0.74:80']);
  });

  it('is not followed to where it redirects', async () => {
    const paths: (string | undefined)[] = [];
    const port = await serve((request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end();
    });
    const ways = tools({ '10.77.0.73:80': port });
    expect(await tryPage(ways, 'http://10.77.0.73/', never)).toMatchObject({ ok: true });
    expect([paths, ways.dialed]).toEqual([['/'], ['10.77.0.73:80']]);
  });

  it('that sends without end is left after its head', async () => {
    let sent = 0;
    let left = () => {};
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    const port = await serve((_, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      response.on('drain', more).on('close', left).on('error', left);
      more();
    });
    expect(await tryPage(tools({ '10.77.0.73:80': port }), 'http://10.77.0.73/', never)).toMatchObject({ ok: true });
    await gone;
    expect(sent).toBeLessThan(16 * 2 ** 20);
  });

  it.each([
    ['http://10.77.0.99/', 'refused'],
    ['http://nobody.example.net/', 'the name does not resolve'],
    ['http://empty.example.net/', 'the name has no address'],
    ['http://bot:secret@10.77.0.73/', 'not asked, there is a name or password in the URL'],
    ['http://10.77.0.74/', /^no HTTP \(HPE_/],
  ])('%s is ill', async (page, text) => {
    const ways = tools({ '10.77.0.74:80': await serveRaw('SSH-2.0-OpenSSH_9.9\r\n') }, { 'empty.example.net': [] });
    const sight = await tryPage(ways, page, never);
    expect(sight).toEqual({ ok: false, text: expect.stringMatching(text) });
  });

  it('that never answers is given up', async () => {
    const patience = new AbortController();
    const port = await serve(() => patience.abort());
    const sight = await tryPage(tools({ '10.77.0.73:80': port }), 'http://10.77.0.73/', patience.signal);
    expect(sight).toEqual({ ok: false, text: 'no answer' });
  });

  it('whose name server never answers is given up', async () => {
    const patience = new AbortController();
    const lookup = () => {
      patience.abort();
      return new Promise<never>(() => {});
    };
    const sight = await tryPage({ ...aNetwork(), lookup }, 'http://web/', patience.signal);
    expect(sight).toEqual({ ok: false, text: 'no answer' });
  });
});

describe('a URL over TLS', () => {
  const names = { localhost: ['10.77.0.73'], 'web.example.net': ['10.77.0.73'] };
  const open = async () =>
    tools({ '10.77.0.73:443': await serveTls(pem('key'), pem('crt'), (_, response) => response.end()) }, names);

  it('is healthy when a trusted CA signed for its name, which it is asked by', async () => {
    const asked: unknown[] = [];
    const port = await serveTls(pem('key'), pem('crt'), ({ socket }, response) => {
      asked.push('servername' in socket && socket.servername);
      response.end();
    });
    const ways = { ...tools({ '10.77.0.73:443': port }, names), ca: pem('crt') };
    expect(await tryPage(ways, 'https://localhost/', never)).toEqual({ ok: true, text: '200 OK' });
    expect(asked).toEqual(['localhost']);
  });

  it.each([
    ['https://web.example.net/', true, 'its certificate cannot be trusted (ERR_TLS_CERT_ALTNAME_INVALID)'],
    ['https://10.77.0.73/', true, 'its certificate cannot be trusted (ERR_TLS_CERT_ALTNAME_INVALID)'],
    ['https://localhost/', false, 'its certificate cannot be trusted (DEPTH_ZERO_SELF_SIGNED_CERT)'],
  ])('%s is ill, and says why', async (page, trusted, text) => {
    const ways = { ...(await open()), ...(trusted ? { ca: pem('crt') } : {}) };
    expect(await tryPage(ways, page, never)).toEqual({ ok: false, text });
  });
});

describe('a URL that leads where no health check may go', () => {
  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1./',
    'http://①②⑦.0.0.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://0xa9fea9fe/',
    'https://[fe80::1]/',
    'http://0/',
    'http://255.255.255.255/',
    'http://224.0.0.1/',
    'http://localhost/',
    'http://metadata/',
    'http://both/',
  ])('%s is not connected to', async (page) => {
    const ways = tools(
      {},
      {
        localhost: ['127.0.0.1', '::1'],
        metadata: ['169.254.169.254'],
        // One good address is no pass for the other.
        both: ['10.77.0.73', '169.254.169.254'],
      },
    );
    const sight = await tryPage(ways, page, never);
    expect(sight).toEqual({ ok: false, text: expect.stringMatching(/^not asked, \S+ is /) });
    expect(ways.dialed).toEqual([]);
  });

  it('is not connected to after a name server changed its mind', async () => {
    const answers = [['10.77.0.73'], ['127.0.0.1']];
    const port = await serve((_, response) => response.end());
    const network = aNetwork({ '10.77.0.73:80': port });
    const ways = { ...network, lookup: async () => answers.shift() ?? [] };
    expect(await tryPage(ways, 'http://rebind/', never)).toMatchObject({ ok: true });
    expect(answers).toHaveLength(1);
    expect(await tryPage(ways, 'http://rebind/', never)).toMatchObject({ ok: false });
    expect(network.dialed).toEqual(['10.77.0.73:80']);
  });
});
