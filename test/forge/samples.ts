import { createHmac } from 'node:crypto';
import type { Headers } from '../../src/forge/forge.ts';

export const secret = 'a-webhook-secret-of-32-characters';
export const signingKey = Buffer.from('0123456789abcdef0123456789abcdef');
export const signingSecret = `whsec_${signingKey.toString('base64')}`;
export const sha = 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7';
export const zeros = '0'.repeat(40);
/** A moment at which signatures with a time are made. */
export const noon = Date.UTC(2024, 4, 1, 12);

export function hmacHex(body: string | Uint8Array, key: string = secret): string {
  return createHmac('sha256', key).update(body).digest('hex');
}

/** A push with much that must not get past the parser. */
export function hubBody(change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    ref: 'refs/heads/main',
    before: zeros,
    after: sha,
    repository: {
      full_name: 'Ada/Fleet',
      clone_url: 'https://evil.example/ada/fleet.git',
      ssh_url: 'ssh://git@evil.example/ada/fleet.git',
      fork: false,
    },
    commits: [{ id: sha, message: 'deploy ssh://git@evil.example/other.git', author: { name: '$(reboot)' } }],
    head_commit: { id: 'f'.repeat(40), message: 'git clone ssh://git@evil.example/other.git' },
    ...change,
  });
}

export function gitlabBody(change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    object_kind: 'push',
    ref: 'refs/heads/main',
    after: sha,
    checkout_sha: sha,
    project: { path_with_namespace: 'Group/Sub/Fleet', git_ssh_url: 'ssh://git@evil.example/x.git' },
    commits: [{ message: 'ssh://git@evil.example/other.git' }],
    ...change,
  });
}

export function gitlabSigned(
  body: string,
  seconds = noon / 1000,
  key: Uint8Array = signingKey,
): Record<string, string> {
  const digest = createHmac('sha256', key).update(`msg-1.${seconds}.${body}`).digest('base64');
  return {
    'x-gitlab-event': 'Push Hook',
    'webhook-id': 'msg-1',
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${digest}`,
  };
}

/** The headers that each forge sends with this body. */
export const signed = {
  github: (body: string | Uint8Array): Record<string, string> => ({
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    'x-hub-signature-256': `sha256=${hmacHex(body)}`,
  }),
  gitea: (body: string | Uint8Array): Record<string, string> => ({
    'content-type': 'application/json',
    'x-gitea-event': 'push',
    'x-gitea-delivery': 'f6266f16-1bf3-46a5-9ea4-602e06ead473',
    'x-gitea-signature': hmacHex(body),
    'x-github-event': 'push',
    'x-github-delivery': 'f6266f16-1bf3-46a5-9ea4-602e06ead473',
    'x-hub-signature-256': `sha256=${hmacHex(body)}`,
  }),
  forgejo: (body: string | Uint8Array): Record<string, string> => ({
    ...signed.gitea(body),
    'x-forgejo-event': 'push',
    'x-forgejo-delivery': 'f6266f16-1bf3-46a5-9ea4-602e06ead473',
    'x-forgejo-signature': hmacHex(body),
  }),
  gitlab: (): Record<string, string> => ({
    'content-type': 'application/json',
    'x-gitlab-event': 'Push Hook',
    'idempotency-key': 'f5a0b1c2-d3e4-4f56-8a7b-9c0d1e2f3a4b',
    'x-gitlab-token': secret,
  }),
};

export function headersOf(all: Readonly<Record<string, string>>): Headers {
  return (name) => all[name];
}

/** A pull request as GitHub, Gitea and Forgejo send it, with much that must not get past the parser. */
export function hubPullBody(action: string, change: Record<string, unknown> = {}): string {
  const evil = { clone_url: 'https://evil.example/x.git', ssh_url: 'ssh://git@evil.example/x.git' };
  return JSON.stringify({
    action,
    number: 7,
    pull_request: {
      ...{ number: 7, title: '</div>@everyone ``` $(reboot)', body: 'ssh://git@evil.example/x.git', merged: false },
      base: { ref: 'main', sha: zeros, repo: { full_name: 'Ada/Fleet', ...evil } },
      head: { ref: 'feature', sha, repo: { full_name: 'Ada/Fleet', ...evil } },
    },
    repository: { full_name: 'Ada/Fleet', ...evil },
    sender: { login: 'eve' },
    ...change,
  });
}

/** The part of a pull request that comes from another repository, or from one that is gone (`null`). */
export function fromFork(
  repo: { readonly full_name: string } | null,
  change: Record<string, unknown> = {},
): Record<string, unknown> {
  return { pull_request: { number: 7, base: { ref: 'main' }, head: { ref: 'main', sha, repo }, ...change } };
}

/** A merge request as GitLab sends it. */
export function gitlabPullBody(request: Record<string, unknown>, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    object_kind: 'merge_request',
    event_type: 'merge_request',
    user: { id: 1, name: 'Eve' },
    project: { id: 5, path_with_namespace: 'Group/Sub/Fleet', git_http_url: 'https://evil.example/x.git' },
    object_attributes: {
      ...{ id: 99, iid: 7, title: '</div>@all', target_branch: 'main', source_branch: 'feature', state: 'opened' },
      ...{ source_project_id: 5, target_project_id: 5, last_commit: { id: sha, message: 'x' } },
      ...request,
    },
    labels: [],
    changes: {},
    ...more,
  });
}
