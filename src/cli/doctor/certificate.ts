import { isIP } from 'node:net';
import tls from 'node:tls';

/**
 * The SHA-256 fingerprint of the certificate that a server shows, to be compared by a person; `undefined` when it shows
 * none. Nothing is sent after the handshake, so it does not matter yet whose it is.
 */
export function shownFingerprint(url: string, timeoutMs: number): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = tls.connect({
      host,
      port: Number(port === '' ? 443 : port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      rejectUnauthorized: false,
    });
    const end = (fingerprint: string | undefined) => {
      socket.destroy();
      resolve(fingerprint);
    };
    socket.setTimeout(timeoutMs, () => end(undefined));
    socket.once('error', () => end(undefined));
    socket.once('secureConnect', () => end(socket.getPeerCertificate().fingerprint256));
  });
}
