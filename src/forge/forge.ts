import type { PushEvent } from '../core/commit.ts';

/** Headers of a request by lower-case name. */
export type Headers = (name: string) => string | undefined;

/** What a delivery is: a push, something that is no push (a ping), or nothing that this forge sends. */
export type Delivery =
  | { readonly kind: 'push'; readonly push: PushEvent }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'malformed'; readonly why: string };

/**
 * One kind of forge: how it signs and how it spells a push, and what people are told about it. Pure. A forge is a file and a
 * line: `src/forge/<name>.ts` makes it, `src/forges.ts` lists it.
 */
export interface Forge {
  /** In the log and in what is remembered of a delivery: `github`. */
  readonly name: string;
  /** As people read it: `GitHub`. */
  readonly title: string;
  /** Hosts that are known to run it. */
  readonly hosts: readonly string[];
  /** How a person enters the webhook there. @param secret names the secret to paste */
  webhookSteps(secret: string): string;
  /** Forms of its tokens, which the output gate takes out. Global, and linear in the text's length. */
  readonly tokens: readonly RegExp[];
  /** Does this request come from such a forge, by its headers? */
  recognises(headers: Headers): boolean;
  /**
   * Is it signed with our secret? Compared in constant time, over the body as it came.
   * @param nowMs milliseconds since the epoch, for signatures with a time
   */
  verify(headers: Headers, body: Uint8Array, secret: string, nowMs: number): boolean;
  /** Reads a verified body. */
  parse(headers: Headers, body: Uint8Array): Delivery;
}
