import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Delivery, Forge, Headers } from './forge.ts';
import { GitlabClient } from './gitlab-client.ts';
import {
  BranchName,
  type PullFields,
  PullNumber,
  type PushFields,
  Ref,
  RepositoryPath,
  readJson,
  readPull,
  readPush,
  Sha,
} from './payload.ts';
import { hmac, isSameText } from './route.ts';

const rights = 'the role Developer and the scope api';

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
  webhookSteps: (secret) =>
    `Settings > Webhooks > Add new webhook: URL, Secret token: ${secret}; Trigger: Push events, and for previews Merge request events`,
  tokenSteps: `Settings > Access tokens of the project: Add new token, with ${rights}`,
  tokens: [/\b(?:(?:glpat|glptt|gldt)-[\w.-]{16,}|whsec_[A-Za-z0-9+/]{24,}={0,2})/g],
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
      case 'Merge Request Hook':
        return readPull(body, GitlabPull, deliveryOf(headers));
      case 'System Hook':
        return readSystemHook(headers, body);
      default:
        return { kind: 'ignored', why: 'no push' };
    }
  },
  apiUrl: (webUrl) => `${webUrl}/api/v4`,
  pullPath: (number) => `/-/merge_requests/${number}`,
  client: (options) => new GitlabClient(options, rights),
};

/** A hook of the whole server sends every event under one header; its body names the event (GitLab, System hooks). */
function readSystemHook(headers: Headers, body: Uint8Array): Delivery {
  const json = readJson(body);
  if (json.kind === 'malformed') return json;
  if (SystemPush.safeParse(json.value).success) return readPush(body, GitlabPush, deliveryOf(headers));
  if (SystemPull.safeParse(json.value).success) return readPull(body, GitlabPull, deliveryOf(headers));
  return { kind: 'ignored', why: 'no push' };
}

const SystemPush = z.object({ event_name: z.literal(['push', 'tag_push']) });
const SystemPull = z.object({ object_kind: z.literal('merge_request') });

const GitlabPush: z.ZodType<PushFields> = z
  .object({ ref: Ref, after: Sha, project: z.object({ path_with_namespace: RepositoryPath }) })
  .transform(({ ref, after, project }) => ({ ref, after, repository: project.path_with_namespace }));

/** `update` comes for every edit: with `oldrev` only when there are new commits (GitLab, "Merge request events"). */
const GitlabPull: z.ZodType<PullFields | undefined> = z
  .object({
    project: z.object({ path_with_namespace: RepositoryPath }),
    object_attributes: z.object({
      iid: PullNumber,
      target_branch: BranchName,
      // Null: the project that it came from is deleted.
      source_project_id: z.int().nullish(),
      target_project_id: z.int(),
      action: z.string().nullish(),
      oldrev: z.string().nullish(),
      last_commit: z.object({ id: Sha }).nullish(),
    }),
    changes: z.object({ target_branch: z.unknown().optional() }).nullish(),
  })
  .transform(({ project, object_attributes: request, changes }): PullFields | undefined => {
    const { action, oldrev, last_commit: head } = request;
    const isMoved = changes?.target_branch !== undefined;
    const isPushed =
      action === 'open' || action === 'reopen' || (action === 'update' && (typeof oldrev === 'string' || isMoved));
    if (!isPushed && action !== 'close' && action !== 'merge') return undefined;
    return {
      repository: project.path_with_namespace,
      number: request.iid,
      ...(head === null || head === undefined ? {} : { head: head.id }),
      base: request.target_branch,
      isFork: request.source_project_id !== request.target_project_id,
      action: isPushed ? 'pushed' : 'closed',
    };
  });

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
