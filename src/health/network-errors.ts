import { Refused } from './dial.ts';

const words: Readonly<Record<string, string>> = {
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
export function wordsFor(error: unknown): string {
  if (error instanceof Refused) return error.message;
  if (!(error instanceof Error)) throw error;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'no answer';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === undefined) throw error;
  if (code.startsWith('HPE_') && words[code] === undefined) return `no HTTP (${code})`;
  if (certificate.test(code)) return `its certificate cannot be trusted (${code})`;
  return words[code] ?? `failed (${code})`;
}
