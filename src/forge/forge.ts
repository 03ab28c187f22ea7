import type { PushEvent } from '../core/push.ts';

/** Headers of a request by lower-case name. */
export type Headers = (name: string) => string | undefined;

/** What a delivery is: a push, something that is no push (a ping), or nothing that this forge sends. */
export type Delivery =
  | { readonly kind: 'push'; readonly push: PushEvent }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'malformed'; readonly why: string };

/** One kind of forge: how it signs and how it spells a push. Pure. */
export interface Forge {
  readonly name: 'github' | 'gitlab' | 'gitea' | 'forgejo';
  /** Does this request come from such a forge, by its headers? */
  recognises(headers: Headers): boolean;
  /** Is it signed with our secret? Compared in constant time, over the body as it came. */
  verify(headers: Headers, body: Uint8Array, secret: string): boolean;
  /** Reads a verified body. */
  parse(headers: Headers, body: Uint8Array): Delivery;
}
