import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Is `hex` the lower-case HMAC-SHA256 of the body under the secret? Constant time; an empty secret signs nothing. */
export function isSignedHex(body: Uint8Array, secret: string, hex: string | undefined): boolean {
  if (secret === '' || hex === undefined || !/^[0-9a-f]{64}$/.test(hex)) return false;
  return timingSafeEqual(hmac(secret, body), Buffer.from(hex, 'hex'));
}

/** Reads GitHub's spelling, `sha256=<hex>`; any other prefix (also the old `sha1=`) is no signature. */
export function isSignedHub(body: Uint8Array, secret: string, header: string | undefined): boolean {
  if (header === undefined || !header.startsWith('sha256=')) return false;
  return isSignedHex(body, secret, header.slice('sha256='.length));
}

/** Compares texts of any length in constant time, by their digests. An empty text equals nothing. */
export function isSameText(given: string | undefined, expected: string): boolean {
  if (given === undefined || given === '' || expected === '') return false;
  return timingSafeEqual(sha256(given), sha256(expected));
}

/** HMAC-SHA256 over the parts, one after the other. */
export function hmac(key: string | Uint8Array, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const signer = createHmac('sha256', key);
  for (const part of parts) signer.update(part);
  return signer.digest();
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
