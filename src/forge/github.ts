import { z } from 'zod';
import type { Forge, Headers } from './forge.ts';
import { isSignedHub, type PushFields, Ref, RepositoryPath, readPush, Sha } from './route.ts';

/** GitHub. Gitea and Forgejo send its headers too, so they are asked first. */
export const github: Forge = {
  name: 'github',
  title: 'GitHub',
  hosts: ['github.com'],
  webhookSteps: (secret) =>
    `Settings > Webhooks > Add webhook: Payload URL, Content type application/json, Secret: ${secret}; Just the push event`,
  tokens: [/\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})/g],
  recognises: (headers) => headers('x-github-event') !== undefined,
  verify: (headers, body, secret) => isSignedHub(body, secret, headers('x-hub-signature-256')),
  parse(headers, body) {
    const event = headers('x-github-event');
    if (event !== 'push') return { kind: 'ignored', why: event === 'ping' ? 'a ping' : 'no push' };
    return readPush(payloadOf(headers, body), HubPush, headers('x-github-delivery'));
  },
};

/** A push as GitHub, Gitea and Forgejo spell it. */
export const HubPush: z.ZodType<PushFields> = z
  .object({ ref: Ref, after: Sha, repository: z.object({ full_name: RepositoryPath }) })
  .transform(({ ref, after, repository }) => ({ ref, after, repository: repository.full_name }));

/** A hook made by hand on github.com may be set to send a form; the JSON is in its field `payload` then. */
function payloadOf(headers: Headers, body: Uint8Array): Uint8Array {
  if (!headers('content-type')?.startsWith('application/x-www-form-urlencoded')) return body;
  return Buffer.from(new URLSearchParams(Buffer.from(body).toString()).get('payload') ?? '');
}
