import { z } from 'zod';
import type { PullEvent } from '../core/pull.ts';
import { isDeeperThan } from '../lib/text.ts';
import type { Delivery } from './forge.ts';

/** The fields of a push, under the same names for every forge. Nothing else of a payload leaves this module. */
export interface PushFields {
  readonly repository: string;
  readonly ref: string;
  readonly after: string;
}

/** The fields of a pull or merge request that changed. */
export type PullFields = Omit<PullEvent, 'delivery'>;

/** A full ref without the characters that git forbids in one (git-check-ref-format). */
export const Ref = z.string().regex(/^refs\/[^\p{Cc} ~^:?*[\\]{1,1000}$/u);

/** A commit, or zeros for a deleted ref. */
export const Sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

/** The name of a branch, as a payload has it beside a request. */
export const BranchName = z.string().regex(/^[^\p{Cc} ~^:?*[\\]{1,1000}$/u);

/** `owner/name`; GitLab has groups in groups. */
export const RepositoryPath = z
  .string()
  .max(300)
  .regex(/^[^\p{Cc}\s/]+(?:\/[^\p{Cc}\s/]+)+$/u);

/** The number of a pull or merge request. */
export const PullNumber = z.int().min(1).max(999_999_999);

/** Reads a push out of a JSON body; anything else than a push of the schema's form is malformed. */
export function readPush(body: Uint8Array, schema: z.ZodType<PushFields>, delivery: string | undefined): Delivery {
  const read = readFields(body, schema);
  if (read.kind === 'malformed') return read;
  const { repository, ref, after } = read.fields;
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

/**
 * Reads a request out of a JSON body.
 * @param schema gives `undefined` for what changes neither the commits nor the branch to merge into, such as a label
 */
export function readPull(
  body: Uint8Array,
  schema: z.ZodType<PullFields | undefined>,
  delivery: string | undefined,
): Delivery {
  const read = readFields(body, schema);
  if (read.kind === 'malformed') return read;
  if (read.fields === undefined) return { kind: 'ignored', why: 'the request has no new commit' };
  const { repository } = read.fields;
  return {
    kind: 'pull',
    pull: {
      ...read.fields,
      repository: repository.toLowerCase(),
      ...(isDeliveryId(delivery) ? { delivery } : {}),
    },
  };
}

type Malformed = Extract<Delivery, { kind: 'malformed' }>;

function readFields<T>(body: Uint8Array, schema: z.ZodType<T>): { kind: 'fields'; fields: T } | Malformed {
  const json = readJson(body);
  if (json.kind === 'malformed') return json;
  const fields = schema.safeParse(json.value);
  if (fields.success) return { kind: 'fields', fields: fields.data };
  return { kind: 'malformed', why: `unexpected form at ${pathOf(fields.error)}` };
}

/** Payloads of the forges nest less than ten deep. One that nests deeper than this is not parsed. */
const deepest = 32;

/** The JSON of a body, or why it is none that a forge sends. */
export function readJson(body: Uint8Array): { kind: 'json'; value: unknown } | { kind: 'malformed'; why: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    if (isDeeperThan(text, deepest)) return { kind: 'malformed', why: 'nested too deeply' };
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    // The parser's message quotes the body, which must not be logged.
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
