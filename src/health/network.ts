import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { createConnection, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import fetch from 'node-fetch';
import { whyForbidden } from '../lib/addresses.ts';
import { orAborted } from '../lib/streams.ts';

/** What one check came to at one moment; `text` without the name of the check. */
export interface Outcome {
  readonly ok: boolean;
  readonly text: string;
}

/** All addresses of a name, best first. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** What a page is asked for by. */
export interface PageTransport {
  readonly lookup: Lookup;
  readonly connect: Connect;
  /** PEM text of a CA that is trusted besides the public ones: guests of one's own seldom have their certificates. */
  readonly ca?: string;
}

/**
 * GET: 2xx and 3xx are well. A redirect is not followed and the body is not read. The name is resolved here, once, and
 * the request travels over a connection to the address that was checked: no second answer of a name server counts.
 */
export async function tryPage(tools: PageTransport, page: string, signal: AbortSignal): Promise<Outcome> {
  const url = new URL(page);
  let socket: Socket | undefined;
  try {
    if (url.username !== '' || url.password !== '')
      throw new Refused('not asked, there is a name or password in the URL');
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const addresses = isIP(host) === 0 ? await orAborted(tools.lookup(host), signal) : [host];
    socket = await dial(tools.connect, addresses, portOf(url), signal);
    const agent = agentOver(socket, { url, host, ca: tools.ca });
    const headers = { 'User-Agent': 'proxnix', Accept: '*/*' };
    // Not unpacked: a small answer may be a large one.
    const { status } = await fetch(url, { agent, headers, redirect: 'manual', compress: false, signal });
    return { ok: status >= 200 && status < 400, text: `${status} ${http.STATUS_CODES[status] ?? ''}`.trim() };
  } catch (error) {
    return { ok: false, text: describeNetworkError(error) };
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

/** Whether a port takes a connection; nothing is sent. The address is a guest's own word, so the address policy holds for it too. */
export async function tryPort(connect: Connect, address: string, port: number, signal: AbortSignal): Promise<Outcome> {
  try {
    const socket = await dial(connect, [address], port, signal);
    socket.destroy();
    return { ok: true, text: 'open' };
  } catch (error) {
    return { ok: false, text: describeNetworkError(error) };
  }
}

/** Begins a connection to an IP address that may be connected to. */
export type Connect = (to: { readonly host: string; readonly port: number }) => Socket;

/** Connects over TCP. */
export const connectTo: Connect = ({ host, port }) => createConnection({ host, port });

/** A connection that will not be made; its message says why. */
export class Refused extends Error {}

/** An open connection to the first of these addresses that takes one. Nothing is tried when one of them is forbidden. */
export async function dial(
  connect: Connect,
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  for (const address of addresses) {
    const why = whyForbidden(address);
    if (why !== undefined) throw new Refused(`not asked, ${address} is ${why}`);
  }
  let failure: unknown = new Refused('the name has no address');
  for (const host of addresses) {
    const socket = connect({ host, port });
    try {
      await once(socket, 'connect', { signal });
      return socket;
    } catch (error) {
      socket.destroy();
      failure = error;
      if (signal.aborted) break;
    }
  }
  throw failure;
}

const errorTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'the connection was closed',
  EPIPE: 'the connection was closed',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'no answer',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name server does not answer',
  HPE_HEADER_OVERFLOW: 'its headers are too large',
};

const certificate = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|INVALID_CA|HOSTNAME_MISMATCH)/;

/** What went wrong on the way to a guest, in few words and never in a stranger's; what is no such thing is thrown on. */
export function describeNetworkError(error: unknown): string {
  if (error instanceof Refused) return error.message;
  if (!(error instanceof Error)) throw error;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'no answer';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === undefined) throw error;
  if (code.startsWith('HPE_') && errorTexts[code] === undefined) return `no HTTP (${code})`;
  if (certificate.test(code)) return `its certificate cannot be trusted (${code})`;
  return errorTexts[code] ?? `failed (${code})`;
}
