import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { UserError } from '../../core/errors.ts';
import { isLoopback } from '../../lib/addresses.ts';

/** How the server proves that it is the one that was meant. Without either the system's own CAs decide. */
export interface Trust {
  /** PEM text of the CA that signed the node's certificate. */
  readonly ca?: string;
  /** SHA-256 of leaf certificates, upper case with colons, as `pvenode cert info` prints them. */
  readonly fingerprints?: readonly string[];
}

/** `code` of the error when the certificate is not one of those pinned. */
export const pinMismatch = 'PROXNIX_PIN_MISMATCH';

/** pveproxy closes idle connections after 5 s: ours go before that. */
const idleMs = 4_000;

/** An agent for one server. Plain HTTP only to the machine itself: the token would travel in clear. */
export function makeAgent(url: URL, trust: Trust, keepAlive: boolean): http.Agent {
  if (url.protocol === 'http:') {
    if (!isLoopback(url.hostname)) {
      throw new UserError(`The Proxmox URL ${url.origin} is not encrypted.`, { next: 'Use https://<node>:8006.' });
    }
    return new http.Agent({ keepAlive, timeout: idleMs });
  }
  // A resumed session is taken up without a look at the certificate of the server, so none is kept.
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
 * Hands a connection over only after the leaf certificate was compared, so no byte of a request (the token is in the
 * first header block) reaches another server. With a CA besides, the chain is verified as well.
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
    // Without `session`: each connection shows its certificate.
    const socket = tls.connect({
      host: host ?? 'localhost',
      port: Number(port ?? 443),
      ...(timeout === undefined ? {} : { timeout }),
      ...(servername === undefined || servername === '' ? {} : { servername }),
      // Not a way around verification: the pin below takes the chain's place, and with a CA both are asked.
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
