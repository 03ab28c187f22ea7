import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { whyNotPublic } from '../../lib/addresses.ts';

/** The hosts that a sandbox may connect to. */
export interface EgressPolicy {
  /** Hosts that may be reached at any address of theirs: `host` (ports 22, 80, 443) or `host:port`. */
  readonly hosts: readonly string[];
  /** Every other host may be reached as well, at a public address only. */
  readonly publicHosts: boolean;
}

/** The addresses of a name; replaced in tests. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** The one way out of a sandbox: an HTTP proxy on a socket of the file system. */
export interface Egress {
  /** Why a connection was refused, each one sentence; the newest last, at most 20. */
  refused(): readonly string[];
  close(): Promise<void>;
}

const usualPorts = [22, 80, 443];
const keptRefusals = 20;
const connectsWithinMs = 30_000;

/**
 * Serves `CONNECT host:port` and plain HTTP requests on a socket. Resolves a name itself and connects to the address
 * that it checked, so neither a redirect nor a name server leads anywhere else.
 */
export async function startEgress(
  socketPath: string,
  policy: EgressPolicy,
  resolve: Resolve = resolveName,
): Promise<Egress> {
  const refused: string[] = [];
  const open = new Set<Duplex>();
  const reach = async (host: string, port: number): Promise<Socket> => {
    const address = await addressFor(policy, resolve, host, port);
    if ('why' in address) {
      refused.push(address.why);
      if (refused.length > keptRefusals) refused.shift();
      throw new Error(address.why);
    }
    const socket = connect({ host: address.ip, port, timeout: connectsWithinMs });
    socket.once('timeout', () => socket.destroy(new Error(`${host}:${port} does not answer`)));
    await once(socket, 'connect');
    socket.setTimeout(0);
    return socket;
  };

  const server = createServer((incoming, response) => {
    forward(reach, incoming, response).catch((error: unknown) => answer(response, error));
  });
  server.on('connect', (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    open.add(client);
    client.on('error', () => client.destroy());
    client.once('close', () => open.delete(client));
    tunnel(reach, incoming.url ?? '', client, head).catch((error: unknown) => {
      client.end(`HTTP/1.1 403 Forbidden\r\nX-Proxnix-Why: ${headerText(error)}\r\nContent-Length: 0\r\n\r\n`);
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    refused: () => [...refused],
    async close() {
      for (const client of open) client.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The address to connect to, or the reason of a refusal. */
export async function addressFor(
  policy: EgressPolicy,
  resolve: Resolve,
  host: string,
  port: number,
): Promise<{ readonly ip: string } | { readonly why: string }> {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  const named = isNamed(policy.hosts, name, port);
  if (!named && !policy.publicHosts) return { why: `${host}:${port} is not among the hosts of NIX_EVAL_HOSTS.` };
  const addresses = isIP(name) === 0 ? await resolve(name).catch(() => []) : [name];
  const [first] = addresses;
  if (first === undefined) return { why: `The host ${host} has no address.` };
  if (named) return { ip: first };
  const bad = addresses.map(whyNotPublic).find((why) => why !== undefined);
  if (bad !== undefined) return { why: `${host}:${port} is not reached: its address is not public (${bad}).` };
  return { ip: first };
}

function isNamed(hosts: readonly string[], name: string, port: number): boolean {
  return hosts.some((known) => {
    const host = known.toLowerCase();
    return host === `${name}:${port}` || (host === name && usualPorts.includes(port));
  });
}

type Reach = (host: string, port: number) => Promise<Socket>;

async function tunnel(reach: Reach, target: string, client: Duplex, head: Buffer): Promise<void> {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(target) ?? [];
  if (host === undefined) throw new Error('no host and port');
  const upstream = await reach(host, Number(port));
  upstream.on('error', () => client.destroy());
  upstream.once('close', () => client.destroy());
  client.once('close', () => upstream.destroy());
  client.write('HTTP/1.1 200 Connection established\r\n\r\n');
  upstream.write(head);
  upstream.pipe(client).pipe(upstream);
}

async function forward(reach: Reach, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url ?? '') : undefined;
  if (url?.protocol !== 'http:') throw new Error('no http address');
  const socket = await reach(url.hostname, Number(url.port || 80));
  const { 'proxy-connection': _, ...headers } = incoming.headers;
  const upstream = request(
    { createConnection: () => socket, method: incoming.method, path: url.pathname + url.search, headers },
    (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    },
  );
  upstream.on('error', (error) => answer(response, error));
  response.once('close', () => socket.destroy());
  incoming.pipe(upstream);
}

function answer(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(403, { 'x-proxnix-why': headerText(error) }).end();
}

function headerText(error: unknown): string {
  return (error instanceof Error ? error.message : 'refused').replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}

async function resolveName(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
