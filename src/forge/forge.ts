import type { PushEvent } from '../core/commit.ts';

/** Headers of a request by lower-case name. */
export type Headers = (name: string) => string | undefined;

/** A parsed delivery: a push, another event (a ping), or a malformed body. */
export type Delivery =
  | { readonly kind: 'push'; readonly push: PushEvent }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'malformed'; readonly why: string };

/**
 * One kind of forge: its signatures, its form of a push, and its instructions for people. Pure. `src/forge/<name>.ts` makes it,
 * `src/forges.ts` lists it.
 */
export interface Forge {
  /** The name in the log and in remembered delivery ids: `github`. */
  readonly name: string;
  /** The display name: `GitHub`. */
  readonly title: string;
  /** Hosts that are known to run it. */
  readonly hosts: readonly string[];
  /** Instructions to enter the webhook there. @param secret the name of the secret to paste */
  webhookSteps(secret: string): string;
  /** Patterns of its tokens, which the output gate masks. Global, and linear in the text's length. */
  readonly tokens: readonly RegExp[];
  /** Whether the headers of a request are those of this forge. */
  recognises(headers: Headers): boolean;
  /**
   * Whether the raw body is signed with the configured secret. Compares in constant time.
   * @param nowMs milliseconds since the epoch, for signatures with a time
   */
  verify(headers: Headers, body: Uint8Array, secret: string, nowMs: number): boolean;
  /** Reads a verified body. */
  parse(headers: Headers, body: Uint8Array): Delivery;
}
