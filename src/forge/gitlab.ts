import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Delivery, Forge, Headers } from './forge.ts';
import { hmac, isSameText, type PushFields, Ref, RepositoryPath, readJson, readPush, Sha } from './route.ts';

/**
 * GitLab signs in two ways. A secret token is sent unchanged in `X-Gitlab-Token`. A signing token (GitLab 19 and newer,
 * `whsec_` and the key in base64) is never sent: it signs by the Standard Webhooks rules. The form of the configured secret
 * decides which one is expected, so a sender cannot choose the weaker one.
 * A signature is good for five minutes before and after its time.
 */
export const gitlab: Forge = {
  name: 'gitlab',
  title: 'GitLab',
  hosts: ['gitlab.com'],
  webhookSteps: (secret) => `Settings > Webhooks > Add new webhook: URL, Secret token: ${secret}; Trigger: Push events`,
  tokens: [/\b(?:glpat-[\w.-]{16,}|whsec_[A-Za-z0-9+/]{24,}={0,2})/g],
  recognises: (headers) => headers('x-gitlab-event') !== undefined,
  verify(headers, body, secret, nowMs) {
    const key = signingKey(secret);
    return key === undefined ? isSameText(headers('x-gitlab-token'), secret) : isSigned(headers, body, key, nowMs);
  },
  parse(headers, body) {
    switch (headers('x-gitlab-event')) {
      case 'Push Hook':
      case 'Tag Push Hook':
        return readPush(body, GitlabPush, deliveryOf(headers));
      case 'System Hook':
        return readSystemHook(headers, body);
      default:
        return { kind: 'ignored', why: 'no push' };
    }
  },
};

/** A hook of the whole server sends every event under one header; its body names the event (GitLab, System hooks). */
function readSystemHook(headers: Headers, body: Uint8Array): Delivery {
  const json = readJson(body);
  if (json.kind === 'malformed') return json;
  const isPush = SystemEvent.safeParse(json.value).success;
  return isPush ? readPush(body, GitlabPush, deliveryOf(headers)) : { kind: 'ignored', why: 'no push' };
}

const SystemEvent = z.object({ event_name: z.literal(['push', 'tag_push']) });

const GitlabPush: z.ZodType<PushFields> = z
  .object({ ref: Ref, after: Sha, project: z.object({ path_with_namespace: RepositoryPath }) })
  .transform(({ ref, after, project }) => ({ ref, after, repository: project.path_with_namespace }));

function signingKey(secret: string): Buffer | undefined {
  const encoded = /^whsec_([A-Za-z0-9+/]{32,}={0,2})$/.exec(secret)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64');
}

const toleranceMs = 5 * 60_000;

/** standardwebhooks.com: HMAC-SHA256 over `id.timestamp.body`; the header lists `v1,<base64>`, one a key. */
function isSigned(headers: Headers, body: Uint8Array, key: Buffer, nowMs: number): boolean {
  const [id, timestamp] = [headers('webhook-id'), headers('webhook-timestamp')];
  if (id === undefined || timestamp === undefined || !/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(nowMs - Number(timestamp) * 1000) > toleranceMs) return false;
  const expected = hmac(key, `${id}.${timestamp}.`, body);
  const given = (headers('webhook-signature') ?? '').split(' ').filter((entry) => entry.startsWith('v1,'));
  return given.some((entry) => {
    const digest = Buffer.from(entry.slice('v1,'.length), 'base64');
    return digest.length === expected.length && timingSafeEqual(digest, expected);
  });
}

/** The delivery id. Not `X-Gitlab-Event-UUID`, which hooks triggered by another hook share. */
function deliveryOf(headers: Headers): string | undefined {
  return headers('webhook-id') ?? headers('idempotency-key');
}
