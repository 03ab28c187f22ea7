import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { createConnection, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import fetch from 'node-fetch';
import { whyForbidden } from '../lib/addresses.ts';
import { orAborted } from '../lib/streams.ts';

/** The result of one check at one moment; `text` does not hold the name of the check. */
export interface Outcome {
  readonly ok: boolean;
  readonly text: string;
}

/** All addresses of a name, best first. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** The collaborators of a page check. */
export interface PageTransport {
  readonly lookup: Lookup;
  readonly connect: Connect;
  /** PEM text of a CA that is trusted besides the public ones: private guests seldom have public certificates. */
  readonly ca?: string;
}

/**
 * Sends a GET: 2xx and 3xx are healthy. Does not follow redirects and does not read the body. Resolves the name once
 * and connects to the checked address, so a second answer of a name server does not count.
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
    // The answer is not decompressed, because a small one may become very large.
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

/** An HTTP agent that uses this one connection and opens no other. */
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

/**
 * Does a port take a connection? Sends nothing. The guest reports its address itself, so the address policy applies to
 * it too.
 */
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

/** A refused connection; the message names the reason. */
export class Refused extends Error {}

/**
 * Opens a connection to the first of these addresses that accepts it. Connects to none when one of them is forbidden.
 */
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

/**
 * The reason of a network error in few words of our own, without text from the guest. Throws errors of any other kind.
 */
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
