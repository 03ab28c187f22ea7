import type { Forge, Headers } from './forge.ts';
import { HubClient, type HubDialect, HubPull, HubPush } from './hub.ts';
import { readPull, readPush } from './payload.ts';
import { isSignedHub } from './route.ts';

const rights = 'the permissions "Commit statuses" and "Pull requests", both read and write (a classic token: repo)';

/** GitHub. Gitea and Forgejo send its headers too, so they are asked first. */
export const github: Forge = {
  name: 'github',
  title: 'GitHub',
  hosts: ['github.com'],
  webhookSteps: (secret) =>
    `Settings > Webhooks > Add webhook: Payload URL, Content type application/json, Secret: ${secret}; Just the push event, and for previews Pull requests`,
  tokenSteps: `Settings of your account > Developer settings > Fine-grained tokens: this repository only, with ${rights}`,
  tokens: [/\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})/g],
  recognises: (headers) => headers('x-github-event') !== undefined,
  verify: (headers, body, secret) => isSignedHub(body, secret, headers('x-hub-signature-256')),
  parse(headers, body) {
    const event = headers('x-github-event');
    const delivery = headers('x-github-delivery');
    if (event === 'push') return readPush(payloadOf(headers, body), HubPush, delivery);
    if (event === 'pull_request') return readPull(payloadOf(headers, body), HubPull, delivery);
    return { kind: 'ignored', why: event === 'ping' ? 'a ping' : 'no push' };
  },
  // GitHub Enterprise Server serves its API below its own address (REST API, "Getting started").
  apiUrl: (webUrl) => (webUrl === 'https://github.com' ? 'https://api.github.com' : `${webUrl}/api/v3`),
  pullPath: (number) => `/pull/${number}`,
  client: (options) => new HubClient(options, dialect),
};

const dialect: HubDialect = {
  title: 'GitHub',
  rights,
  headers: (token) => ({
    authorization: `Bearer ${token}`,
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
  }),
  access: async (_rest, { header, value }) => {
    // Only a classic token lists its scopes (REST API, "Scopes for OAuth apps"); `repo` holds all others.
    const scopes = header('x-oauth-scopes')
      ?.split(/,\s*/)
      .filter((scope) => scope !== '');
    const mayPush = value.permissions?.push === false ? ['the person of the token may not push to the repository'] : [];
    if (scopes === undefined) {
      return { lacks: mayPush, unchecked: 'whether it may write statuses and comments shows only when it does' };
    }
    const lacks = scopes.includes('repo')
      ? []
      : [
          ...(scopes.includes('repo:status') ? [] : ['the scope repo:status (or repo) for statuses']),
          ...(scopes.includes('public_repo')
            ? []
            : ['the scope repo for comments (public_repo in a public repository)']),
        ];
    return { lacks: [...mayPush, ...lacks] };
  },
};

/** A hook made by hand on github.com may be set to send a form; the JSON is in its field `payload` then. */
function payloadOf(headers: Headers, body: Uint8Array): Uint8Array {
  if (!headers('content-type')?.startsWith('application/x-www-form-urlencoded')) return body;
  return Buffer.from(new URLSearchParams(Buffer.from(body).toString()).get('payload') ?? '');
}
