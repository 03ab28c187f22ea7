import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import fetch from 'node-fetch';
import { type Connect, dial, Refused } from './dial.ts';
import { wordsFor } from './network-errors.ts';
import type { Sight } from './sight.ts';
import { until } from './until.ts';

/** All addresses of a name, best first. */
export type Lookup = (name: string) => Promise<readonly string[]>;

export interface PageTools {
  readonly lookup: Lookup;
  readonly connect: Connect;
  /** PEM text of a CA that is trusted besides the public ones: guests of one's own seldom have their certificates. */
  readonly ca?: string;
}

/**
 * GET: 2xx and 3xx are well. A redirect is not followed and the body is not read. The name is resolved here, once, and
 * the request travels over a connection to the address that was checked: no second answer of a name server counts.
 */
export async function tryPage(tools: PageTools, page: string, signal: AbortSignal): Promise<Sight> {
  const url = new URL(page);
  let socket: Socket | undefined;
  try {
    if (url.username !== '' || url.password !== '')
      throw new Refused('not asked, there is a name or password in the URL');
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const addresses = isIP(host) === 0 ? await until(tools.lookup(host), signal) : [host];
    socket = await dial(tools.connect, addresses, portOf(url), signal);
    const agent = agentOver(socket, { url, host, ca: tools.ca });
    const headers = { 'User-Agent': 'proxnix', Accept: '*/*' };
    // Not unpacked: a small answer may be a large one.
    const { status } = await fetch(url, { agent, headers, redirect: 'manual', compress: false, signal });
    return { ok: status >= 200 && status < 400, text: `${status} ${http.STATUS_CODES[status] ?? ''}`.trim() };
  } catch (error) {
    return { ok: false, text: wordsFor(error) };
  } finally {
    socket?.destroy();
  }
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

/** An agent that knows this one connection and no way to another. */
function agentOver(socket: Socket, to: { url: URL; host: string; ca: string | undefined }): http.Agent {
  const isTls = to.url.protocol === 'https:';
  const agent = isTls ? new https.Agent() : new http.Agent();
  const stream = isTls ? encrypted(socket, to) : socket;
  agent.createConnection = () => stream;
  return agent;
}

function encrypted(socket: Socket, { host, ca }: { host: string; ca: string | undefined }): Duplex {
  return tls.connect({
    socket,
    host,
    // RFC 6066 knows no addresses here.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: [...tls.rootCertificates, ca] }),
  });
}
