import type { Agent } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import tls from 'node:tls';
import fetch, { FetchError, type Response } from 'node-fetch';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { isLoopback } from '../../lib/addresses.ts';
import { type Call, NoAnswer, ProxmoxError, TlsError } from './errors.ts';

/** Query of a GET or DELETE, form of a POST or PUT. Absent values are not sent; booleans become 0 and 1. */
export type Params = Readonly<Record<string, string | number | boolean | undefined>>;

/** One API of Proxmox VE, how it is trusted, and the token. */
export interface ClientOptions extends Trust {
  /** Origin of the API, e.g. `https://pve1.example.net:8006`. */
  readonly url: string;
  /** `user@realm!token`. */
  readonly tokenId: string;
  readonly secret: string;
  /** The time limit for one answer; a proxied call alone takes up to 30 s. */
  readonly requestMs: number;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** A body that is sent as it comes; the server takes no chunked bodies, so its length is known. */
export interface Body {
  readonly stream: Readable;
  readonly length: number;
  readonly contentType: string;
}

interface Init {
  readonly body?: URLSearchParams | Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

const certificateCodes =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|ERR_SSL|EPROTO|INVALID_CA|HOSTNAME_MISMATCH)/;
const neverReached = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const Envelope = z.object({ data: z.unknown() });
/** Bytes of an answer: the list of a cluster of many thousand guests is some MiB. */
const longestAnswer = 64 * 1024 * 1024;

/** Speaks HTTP with one Proxmox VE API: every answer is either data or a typed error. */
export class Client {
  readonly tokenId: string;
  readonly #options: Omit<ClientOptions, 'secret'>;
  readonly #authorization: string;
  readonly #base: URL;
  readonly #reads: Agent;
  /**
   * Each write opens a connection of its own: on a connection that the server has just closed, the write would look
   * like a lost answer.
   */
  readonly #writes: Agent;
  #clockAheadMs = 0;

  constructor({ secret, ...options }: ClientOptions) {
    this.#options = options;
    this.tokenId = options.tokenId;
    this.#authorization = `PVEAPIToken=${options.tokenId}=${secret}`;
    this.#base = new URL(options.url);
    this.#reads = makeAgent(this.#base, options, true);
    this.#writes = makeAgent(this.#base, options, false);
  }

  /** The server's clock at its last answer, in seconds since the epoch. */
  serverTime(): number {
    return Math.floor((this.#options.now() + this.#clockAheadMs) / 1000);
  }

  /** Reads. Tries up to three times when the connection or a daemon behind the API fails. */
  async get<T>(path: string, schema: z.ZodType<T>, params: Params = {}): Promise<T> {
    const call: Call = { method: 'GET', path };
    for (let attempt = 1; ; attempt++) {
      try {
        return read(call, schema, await this.#send(call, params));
      } catch (error) {
        if (attempt === 3 || !isPassing(error)) throw error;
        await this.#options.sleep(attempt * 1000);
      }
    }
  }

  /** Writes once. Sends the call again only when it surely never reached the server or the node behind it. */
  async request(method: 'POST' | 'PUT' | 'DELETE', path: string, params: Params = {}): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send({ method, path }, params);
      } catch (error) {
        if (attempt === 3 || !neverHappened(error)) throw error;
        await this.#options.sleep(attempt * 1000);
      }
    }
  }

  /** Sends a stream once. An early refusal can look like a closed connection, so permissions are checked before. */
  async upload(path: string, body: Body, signal: AbortSignal): Promise<unknown> {
    const headers = { 'Content-Type': body.contentType, 'Content-Length': String(body.length) };
    const url = new URL(`/api2/json${path}`, this.#base);
    return this.#fetch({ method: 'POST', path }, url, { body: body.stream, headers, signal });
  }

  close(): void {
    this.#reads.destroy();
    this.#writes.destroy();
  }

  async #send(call: Call, params: Params): Promise<unknown> {
    const url = new URL(`/api2/json${call.path}`, this.#base);
    const form = encode(params);
    const inQuery = call.method === 'GET' || call.method === 'DELETE';
    if (inQuery) url.search = form.toString();
    const body = inQuery || form.size === 0 ? {} : { body: form };
    const signal = AbortSignal.timeout(this.#options.requestMs);
    return this.#fetch(call, url, { ...body, signal });
  }

  async #fetch(call: Call, url: URL, init: Init): Promise<unknown> {
    const headers = { ...init.headers, Authorization: this.#authorization };
    const agent = call.method === 'GET' ? this.#reads : this.#writes;
    try {
      // Proxmox never redirects: a redirect comes from another server in between, which must not get the token.
      const response = await fetch(url, {
        ...{ ...init, method: call.method, headers, agent, redirect: 'error' },
        size: longestAnswer,
      });
      const text = await response.text();
      this.#learnClock(response);
      const { status, statusText: reason } = response;
      if (status !== 200) throw new ProxmoxError(call, { status, reason, text }, this.tokenId);
      return Envelope.parse(JSON.parse(text)).data;
    } catch (error) {
      throw asUserError(call, url.origin, error);
    }
  }

  #learnClock(response: Response): void {
    const date = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(date)) this.#clockAheadMs = date - this.#options.now();
  }
}

function encode(params: Params): URLSearchParams {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined) form.set(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  return form;
}

function read<T>(call: Call, schema: z.ZodType<T>, data: unknown): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw new UserError(`${call.method} ${call.path}: Proxmox answered in a form that proxnix does not know.`, {
    next: 'Check the version of Proxmox VE: 8.4 or newer is needed.',
    details: result.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  });
}

function isPassing(error: unknown): boolean {
  if (error instanceof NoAnswer) return true;
  if (!(error instanceof ProxmoxError)) return false;
  return [595, 596, 599].includes(error.status) || (error.status === 500 && error.empty);
}

function neverHappened(error: unknown): boolean {
  if (error instanceof NoAnswer) return !error.reached;
  return error instanceof ProxmoxError && error.status === 595;
}

function asUserError(call: Call, origin: string, error: unknown): unknown {
  if (error instanceof UserError) return error;
  if (!(error instanceof Error)) return error;
  if ('type' in error && error.type === 'max-size') {
    return new UserError(
      `${call.method} ${call.path}: the answer of Proxmox is longer than ${longestAnswer / 1024 ** 2} MiB.`,
    );
  }
  if (error instanceof FetchError && error.type === 'no-redirect') {
    const next = 'Something before the Proxmox API leads to another address: write that of the API into PROXMOX_URL.';
    return new NoAnswer(call, origin, 'redirect', true, next);
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : named(error);
  if (code === pinMismatch) {
    const seen = error.message.split('reason: ').at(-1);
    return new TlsError(`The certificate of the Proxmox API is not one that is pinned; it has ${seen}.`, {
      next: 'Compare it with `pvenode cert info` on the node before you add it. Nothing was sent.',
    });
  }
  if (certificateCodes.test(code)) {
    return new TlsError(`The certificate of the Proxmox API cannot be trusted (${code}).`, {
      next: 'Give the CA file (/etc/pve/pve-root-ca.pem) or the SHA-256 fingerprint of the certificate. Nothing was sent.',
    });
  }
  return new NoAnswer(call, origin, code, !neverReached.test(code));
}

function named(error: Error): string {
  return error.name === 'AbortError' ? 'timeout' : error.name;
}

/** The certificate check of the server. Without either setting the system's CAs decide. */
export interface Trust {
  /** PEM text of the CA that signed the node's certificate. */
  readonly ca?: string;
  /** SHA-256 of leaf certificates, upper case with colons, as `pvenode cert info` prints them. */
  readonly fingerprints?: readonly string[];
}

/** The `code` of the error for a certificate that is not pinned. */
export const pinMismatch = 'PROXNIX_PIN_MISMATCH';

/** The client closes idle connections sooner than pveproxy, which does so after 5 s. */
const idleMs = 4_000;

/** An agent for one server. Plain HTTP only to the machine itself: the token would travel in clear. */
export function makeAgent(url: URL, trust: Trust, keepAlive: boolean): http.Agent {
  if (url.protocol === 'http:') {
    if (!isLoopback(url.hostname)) {
      throw new UserError(`The Proxmox URL ${url.origin} is not encrypted.`, { next: 'Use https://<node>:8006.' });
    }
    return new http.Agent({ keepAlive, timeout: idleMs });
  }
  // No session is cached, because a resumed session does not check the server's certificate.
  const options = {
    keepAlive,
    timeout: idleMs,
    maxCachedSessions: 0,
    ...(trust.ca === undefined ? {} : { ca: trust.ca }),
  };
  if (trust.fingerprints === undefined || trust.fingerprints.length === 0) return new https.Agent(options);
  return new PinnedAgent(options, trust.fingerprints);
}

/**
 * Returns a connection only after the leaf certificate was compared, so that no byte of a request reaches another
 * server (the first header block holds the token). With a CA as well, the chain is verified too.
 */
class PinnedAgent extends https.Agent {
  readonly #pins: ReadonlySet<string>;

  constructor(options: https.AgentOptions, pins: readonly string[]) {
    super(options);
    this.#pins = new Set(pins);
  }

  override createConnection(
    options: https.RequestOptions,
    done?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | undefined {
    const { host, port, servername, timeout } = options;
    const ca = this.options.ca;
    // Without `session`, each connection shows its certificate.
    const socket = tls.connect({
      host: host ?? 'localhost',
      port: Number(port ?? 443),
      ...(timeout === undefined ? {} : { timeout }),
      ...(servername === undefined || servername === '' ? {} : { servername }),
      // Verification is not skipped: the pin below replaces the chain, and with a CA both are checked.
      ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
    });
    const fail = (error: Error) => done?.(error, socket);
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const seen = socket.getPeerCertificate().fingerprint256;
      if (!this.#pins.has(seen)) {
        socket.destroy(Object.assign(new Error(seen), { code: pinMismatch }));
        return;
      }
      socket.off('error', fail);
      done?.(null, socket);
    });
    return undefined;
  }
}
