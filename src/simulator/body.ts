import type { IncomingMessage } from 'node:http';
import { ApiError, failure } from './errors.ts';

const MAX_BODY = 512 * 1024;

/** Reads a whole body; more than the daemon's 512 KiB is refused (9.2.11). */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new ApiError(501, 'for data too large', { body: 'none' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The parameters of a body by its content type; others are refused in plain text with 506. */
export function parseBody(body: string, contentType: string): Map<string, string> {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json') return parseJson(body);
  if (type === '' || type === 'application/x-www-form-urlencoded') return parseForm(body);
  throw new ApiError(506, `upload 'Content-Type '${type}' not implemented`, { body: 'text' });
}

/** A form or query. `;` separates like `&`, and an unencoded `=` in a value cuts it. Repeated keys are joined by NUL. */
export function parseForm(form: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const part of form.split(/[&;]/)) {
    if (part === '') continue;
    const [key = '', value = ''] = part.split('=').map(decode);
    const before = values.get(key);
    values.set(key, before === undefined ? value : `${before}\0${value}`);
  }
  return values;
}

function parseJson(body: string): Map<string, string> {
  const values = new Map<string, string>();
  if (body.trim() === '') return values;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    const text = `malformed JSON string, at character offset 0 (before "${body.slice(0, 20)}")`;
    throw new ApiError(500, perlText(text), { body: 'text' });
  }
  if (typeof json !== 'object' || json === null) return values;
  for (const [key, value] of Object.entries(json)) {
    if (value === null) throw failure(`unable to parse value of '${key}' - got undefined value`);
    values.set(key, Array.isArray(value) ? value.map(plain).join('\0') : plain(value));
  }
  return values;
}

/** A text with the place in the Perl source behind it, which some errors have and clients must cut off. */
export function perlText(text: string): string {
  return `${text} at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 1.`;
}

function plain(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
