import type { Forge, Headers } from './forge.ts';
import { HubPush } from './github.ts';
import { readPush } from './payload.ts';
import { isSignedHex, isSignedHub } from './signature.ts';

/**
 * Gitea. Header names from its services/webhook/deliver.go: bare hex in `X-Gitea-Signature`, and the same in GitHub's
 * spelling. Its hooks of type "form" sign the JSON inside the form and not the body, so they are refused.
 */
export const gitea: Forge = hubLike('gitea');

/** Forgejo sends Gitea's headers as well as its own, so it is asked first. */
export const forgejo: Forge = hubLike('forgejo');

function hubLike(name: 'gitea' | 'forgejo'): Forge {
  return {
    name,
    recognises: (headers) => headers(`x-${name}-event`) !== undefined,
    verify: (headers, body, secret) => isSigned(name, headers, body, secret),
    parse(headers, body) {
      if (headers(`x-${name}-event`) !== 'push') return { kind: 'ignored', why: 'no push' };
      return readPush(body, HubPush, headers(`x-${name}-delivery`));
    },
  };
}

/** The first signature that is there counts: a wrong one is not rescued by another. */
function isSigned(name: 'gitea' | 'forgejo', headers: Headers, body: Uint8Array, secret: string): boolean {
  const own = (name === 'forgejo' ? headers('x-forgejo-signature') : undefined) ?? headers('x-gitea-signature');
  if (own !== undefined) return isSignedHex(body, secret, own);
  return isSignedHub(body, secret, headers('x-hub-signature-256'));
}
