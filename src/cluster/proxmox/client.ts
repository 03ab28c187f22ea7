import type { Agent } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import tls from 'node:tls';
import fetch, { type Response } from 'node-fetch';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { isLoopback } from '../../lib/addresses.ts';
import { cut } from '../../lib/text.ts';
import { type Answer, type Call, type Caller, NoAnswer, ProxmoxError, ProxyAnswer, TlsError } from './errors.ts';

/** Query of a GET or DELETE, form of a POST or PUT. Absent values are not sent; booleans become 0 and 1. */
export type Params = Readonly<Record<string, string | number | boolean | undefined>>;

/** The part of pino that is used: facts first, then a sentence. */
export interface Log {
  debug(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** One API of Proxmox VE, how it is trusted, and the token. */
export interface ClientOptions extends Trust, Caller {
  /** Origin of the API, e.g. `https://pve1.example.net:8006`. */
  readonly url: string;
  readonly secret: string;
  /** Gets the whole of every answer of which people read a part. */
  readonly log?: Log | undefined;
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
  /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|INVALID_|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED|CRL_|AKID_|SUBJECT_)/;
/** TLS failed, and not for the certificate: most often the port speaks plain HTTP. */
const handshakeCodes = /^(ERR_SSL|EPROTO)/;
/** The answer is no HTTP: most often a port that speaks TLS was asked in clear. */
const noHttpCodes = /^HPE_/;
/** An error of TLS is none of these: it may come after the request was sent. */
const neverReached = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const Envelope = z.object({ data: z.unknown() }).refine((answer) => 'data' in answer);
/** Bytes of an answer: the list of a cluster of many thousand guests is some MiB. */
const longestAnswer = 64 * 1024 * 1024;
/** Bytes of an answer in the log, and characters of JSON around the text of a refusal. */
const longestLogged = 16 * 1024;
const jsonAround = 200;

/** Speaks HTTP with one Proxmox VE API: every answer is either data or a typed error. */
export class Client {
  readonly caller: Caller;
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
    this.caller = { tokenId: options.tokenId, pool: options.pool };
    this.#authorization = `PVEAPIToken=${escaped(options.tokenId)}=${secret}`;
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
        ...{ ...init, method: call.method, headers, agent, redirect: 'manual' },
        size: longestAnswer,
      });
      return this.#dataOf(call, url, response, await response.text());
    } catch (error) {
      throw asUserError(call, url.origin, error, this.#options);
    }
  }

  #dataOf(call: Call, { origin }: URL, response: Response, text: string): unknown {
    const { status, statusText: reason, headers } = response;
    const answer = { status, reason, text };
    const envelope = readEnvelope(text);
    if (envelope === undefined && !isFromProxmox(answer, headers.get('content-type') ?? '')) {
      this.#logWhole(call, answer);
      const from = { server: headers.get('server') ?? '', location: headers.get('location') ?? '' };
      throw new ProxyAnswer(call, origin, { ...answer, ...from });
    }
    this.#learnClock(response);
    if (envelope !== undefined && status === 200) return envelope.data;
    const error = new ProxmoxError(call, answer, this.caller);
    if (text.length > error.message.length + jsonAround) this.#logWhole(call, answer);
    throw error;
  }

  #logWhole(call: Call, { status, reason, text }: Answer): void {
    this.#options.log?.debug(
      { ...call, status, reason, answer: cut(text, longestLogged) },
      'an answer that is no success',
    );
  }

  #learnClock(response: Response): void {
    const date = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(date)) this.#clockAheadMs = date - this.#options.now();
  }
}

/** PVE::APIServer::Formatter percent-decodes the token and ends it at a `;`. */
function escaped(tokenId: string): string {
  return tokenId.replace(/[^!-~]|[%;]/gu, encodeURIComponent);
}

function readEnvelope(text: string): z.infer<typeof Envelope> | undefined {
  try {
    return Envelope.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Does an answer that is no JSON of the API come from Proxmox VE? It sends plain text or nothing then, with 400, 401,
 * 403, 500, 501, 506 or 59x; it never redirects, and never sends 404, 502, 504 or HTML under /api2/json (8.4 and 9.2).
 */
function isFromProxmox({ status, text }: Answer, contentType: string): boolean {
  if (/html/i.test(contentType) || /^\s*</.test(text)) return false;
  return [400, 401, 403, 500, 501, 506].includes(status) || status >= 590;
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

function asUserError(call: Call, origin: string, error: unknown, trust: Trust): unknown {
  if (error instanceof UserError) return error;
  if (!(error instanceof Error)) return error;
  if ('type' in error && error.type === 'max-size') {
    return new UserError(
      `${call.method} ${call.path}: the answer of Proxmox is longer than ${longestAnswer / 1024 ** 2} MiB.`,
    );
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : named(error);
  if (code === pinMismatch) {
    const seen = error.message.split('reason: ').at(-1);
    return new TlsError(`The certificate of the Proxmox API is not one that is pinned; it has ${seen}.`, {
      next: 'A node has another certificate after its renewal. Compare it with `pvenode cert info` on the node before it takes the place of the old one in PROXMOX_FINGERPRINTS. Nothing was sent.',
      isPin: true,
    });
  }
  if (certificateCodes.test(code)) {
    return new TlsError(`The certificate of the Proxmox API cannot be trusted (${code}).`, {
      next: `${certificateAdvice(code, trust)} Nothing was sent.`,
      isPin: false,
    });
  }
  const reached = !neverReached.test(code);
  if (handshakeCodes.test(code)) {
    return new NoAnswer(call, origin, code, reached, {
      message: `Proxmox at ${origin} does not speak TLS as it should (${code}).`,
      next: 'Look whether the port in PROXMOX_URL is that of the API (8006) and not one for plain HTTP.',
    });
  }
  if (noHttpCodes.test(code)) {
    return new NoAnswer(call, origin, code, reached, {
      message: `Proxmox at ${origin} does not answer in plain HTTP (${code}).`,
      next: 'Write https:// in place of http:// into PROXMOX_URL.',
    });
  }
  return new NoAnswer(call, origin, code, reached);
}

/** What mends the trust in a certificate, by what is wrong with it and by what is given already. */
function certificateAdvice(code: string, { ca, fingerprints = [] }: Trust): string {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return 'Look at the clocks of both machines; `pvecm updatecerts --force` on the node makes a new certificate.';
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') {
    return 'It is for other names than the one in PROXMOX_URL: write a name there that `pvenode cert info` on the node lists.';
  }
  if (ca === undefined) {
    return 'Give the CA file (/etc/pve/pve-root-ca.pem) or the SHA-256 fingerprint of the certificate.';
  }
  const own =
    "It is not signed by a certificate in PROXMOX_CA_FILE: give the CA of this cluster (/etc/pve/pve-root-ca.pem), or of the node's own certificate when it has one (pveproxy-ssl.pem).";
  return fingerprints.length === 0
    ? own
    : `${own} With the fingerprint alone, leave out PROXMOX_CA_FILE: where both are given, both must fit.`;
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
