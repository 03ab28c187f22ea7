import { z } from 'zod';
import type { Forge, Headers } from './forge.ts';
import { HubClient, type HubDialect, HubPull, HubPush } from './hub.ts';
import { readPull, readPush } from './payload.ts';
import { isSignedHex, isSignedHub } from './route.ts';

const rights = 'the scopes write:repository and write:issue';

/**
 * Gitea. Header names from its services/webhook/deliver.go: bare hex in `X-Gitea-Signature`, and the same in GitHub's
 * spelling. Its hooks of type "form" sign the JSON inside the form and not the body, so they are refused.
 */
export const gitea: Forge = {
  ...hubLike('gitea', 'Gitea'),
  hosts: ['gitea.com'],
  webhookSteps: (secret) =>
    `Settings > Webhooks > Add Webhook > Gitea: Target URL, POST, application/json, Secret: ${secret}; Push Events, and for previews Pull Request and Pull Request Synchronized`,
};

/** Forgejo sends Gitea's headers as well as its own, so it is asked first. */
export const forgejo: Forge = {
  ...hubLike('forgejo', 'Forgejo'),
  hosts: ['codeberg.org'],
  webhookSteps: (secret) =>
    `Settings > Webhooks > Add webhook > Forgejo: Target URL, POST, application/json, Secret: ${secret}; Push events, and for previews Pull request modification and synchronization`,
};

type Name = 'gitea' | 'forgejo';

/** The common part of both. Their tokens are bare hex, which no pattern can tell from a commit. */
function hubLike(name: Name, title: string): Omit<Forge, 'hosts' | 'webhookSteps'> {
  return {
    name,
    title,
    tokenSteps: `Settings of an account that may write to the repository > Applications > Generate new token, with ${rights}`,
    tokens: [],
    recognises: (headers) => headers(`x-${name}-event`) !== undefined,
    verify: (headers, body, secret) => isSigned(name, headers, body, secret),
    parse(headers, body) {
      const delivery = headers(`x-${name}-delivery`);
      switch (headers(`x-${name}-event`)) {
        case 'push':
          return readPush(body, HubPush, delivery);
        // New commits come under the same name; `X-Gitea-Event-Type` tells them apart, and so does the action.
        case 'pull_request':
          return readPull(body, HubPull, delivery);
        default:
          return { kind: 'ignored', why: 'no push' };
      }
    },
    apiUrl: (webUrl) => `${webUrl}/api/v1`,
    pullPath: (number) => `/pulls/${number}`,
    client: (options) => new HubClient(options, dialectOf(title)),
  };
}

function dialectOf(title: string): HubDialect {
  return {
    title,
    rights,
    headers: (token) => ({ authorization: `token ${token}` }),
    // The scopes of a token are told to nobody but by a refusal, and a scope to write holds the one to read.
    access: async (rest, { value }, path) => {
      await rest.ask({ path: `${path}/issues?type=pulls&limit=1`, answer: z.array(z.unknown()) });
      return {
        lacks: value.permissions?.push === false ? ['the account of the token may not write to the repository'] : [],
        unchecked: 'whether it may write statuses and comments shows only when it does',
      };
    },
  };
}

/** The first present signature counts, so a right second one does not replace a wrong first one. */
function isSigned(name: Name, headers: Headers, body: Uint8Array, secret: string): boolean {
  const own = (name === 'forgejo' ? headers('x-forgejo-signature') : undefined) ?? headers('x-gitea-signature');
  if (own !== undefined) return isSignedHex(body, secret, own);
  return isSignedHub(body, secret, headers('x-hub-signature-256'));
}
