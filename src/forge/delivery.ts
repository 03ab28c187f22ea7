import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { isDeeperThan } from '../lib/text.ts';
import type { Delivery } from './forge.ts';

/** The fields that are read of a push, under one name for every forge. Nothing else of a payload leaves this module. */
export interface PushFields {
  readonly repository: string;
  readonly ref: string;
  readonly after: string;
}

/** A full ref without the characters that git forbids in one (git-check-ref-format). */
export const Ref = z.string().regex(/^refs\/[^\p{Cc} ~^:?*[\\]{1,1000}$/u);

/** A commit, or zeros for a ref that is gone. */
export const Sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

/** `owner/name`; GitLab has groups in groups. */
export const RepositoryPath = z
  .string()
  .max(300)
  .regex(/^[^\p{Cc}\s/]+(?:\/[^\p{Cc}\s/]+)+$/u);

/** Reads a push out of a JSON body; anything else than a push of the schema's form is malformed. */
export function readPush(body: Uint8Array, schema: z.ZodType<PushFields>, delivery: string | undefined): Delivery {
  const json = readJson(body);
  if (json.kind === 'malformed') return json;
  const fields = schema.safeParse(json.value);
  if (!fields.success) return { kind: 'malformed', why: `unexpected form at ${pathOf(fields.error)}` };
  const { repository, ref, after } = fields.data;
  return {
    kind: 'push',
    push: {
      repository: repository.toLowerCase(),
      ref,
      ...(/^0+$/.test(after) ? {} : { after }),
      ...(isDeliveryId(delivery) ? { delivery } : {}),
    },
  };
}

/** Payloads of the forges nest less than ten deep. One that nests deeper than this is not parsed. */
const deepest = 32;

function readJson(body: Uint8Array): { kind: 'json'; value: unknown } | { kind: 'malformed'; why: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    if (isDeeperThan(text, deepest)) return { kind: 'malformed', why: 'nested too deeply' };
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    // The parser's message quotes the body, which has no place in a log.
    return { kind: 'malformed', why: 'no JSON in UTF-8' };
  }
}

function pathOf(error: z.ZodError): string {
  const path = error.issues[0]?.path.join('.') ?? '';
  return path === '' ? 'the top' : path;
}

/** Ids are kept in memory and logged, so their form and length are limited. */
function isDeliveryId(id: string | undefined): id is string {
  return id !== undefined && /^[\w.:-]{1,128}$/.test(id);
}

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
