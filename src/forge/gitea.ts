import type { Forge, Headers } from './forge.ts';
import { HubPush } from './github.ts';
import { isSignedHex, isSignedHub, readPush } from './route.ts';

/**
 * Gitea. Header names from its services/webhook/deliver.go: bare hex in `X-Gitea-Signature`, and the same in GitHub's
 * spelling. Its hooks of type "form" sign the JSON inside the form and not the body, so they are refused.
 */
export const gitea: Forge = {
  ...hubLike('gitea'),
  title: 'Gitea',
  hosts: ['gitea.com'],
  webhookSteps: (secret) =>
    `Settings > Webhooks > Add Webhook > Gitea: Target URL, POST, application/json, Secret: ${secret}; Push Events`,
};

/** Forgejo sends Gitea's headers as well as its own, so it is asked first. */
export const forgejo: Forge = {
  ...hubLike('forgejo'),
  title: 'Forgejo',
  hosts: ['codeberg.org'],
  webhookSteps: (secret) =>
    `Settings > Webhooks > Add webhook > Forgejo: Target URL, POST, application/json, Secret: ${secret}; Push events`,
};

type Name = 'gitea' | 'forgejo';

/** The common part of both. Their tokens are bare hex, which no pattern can tell from a commit. */
function hubLike(name: Name): Omit<Forge, 'title' | 'hosts' | 'webhookSteps'> {
  return {
    name,
    tokens: [],
    recognises: (headers) => headers(`x-${name}-event`) !== undefined,
    verify: (headers, body, secret) => isSigned(name, headers, body, secret),
    parse(headers, body) {
      if (headers(`x-${name}-event`) !== 'push') return { kind: 'ignored', why: 'no push' };
      return readPush(body, HubPush, headers(`x-${name}-delivery`));
    },
  };
}

/** The first present signature counts, so a right second one does not replace a wrong first one. */
function isSigned(name: Name, headers: Headers, body: Uint8Array, secret: string): boolean {
  const own = (name === 'forgejo' ? headers('x-forgejo-signature') : undefined) ?? headers('x-gitea-signature');
  if (own !== undefined) return isSignedHex(body, secret, own);
  return isSignedHub(body, secret, headers('x-hub-signature-256'));
}
