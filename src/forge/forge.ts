import type { PushEvent } from '../core/commit.ts';
import type { PullEvent } from '../core/pull.ts';

/** Headers of a request by lower-case name. */
export type Headers = (name: string) => string | undefined;

/** A parsed delivery: a push, a pull or merge request, another event (a ping), or a malformed body. */
export type Delivery =
  | { readonly kind: 'push'; readonly push: PushEvent }
  | { readonly kind: 'pull'; readonly pull: PullEvent }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'malformed'; readonly why: string };

/** A status of a commit, as its forge shows it beside the commit. */
export interface CommitStatus {
  readonly state: 'pending' | 'success' | 'failure';
  /** Names the status: a newer one of the same context takes its place. */
  readonly context: string;
  /** One line; what is longer than 140 characters is cut. */
  readonly description: string;
  /** Where the whole of it is read; absent: nowhere. */
  readonly url?: string;
}

/** The rights of a token, as far as reading shows them. */
export interface ForgeAccess {
  /** A sentence for each right that is missing. */
  readonly lacks: readonly string[];
  /** What only a write would show; absent: nothing is left open. */
  readonly unchecked?: string;
}

/**
 * The API of a forge, for one repository. Each call is one try: it is carried out, or throws `ForgeBusy` when the forge
 * asks to wait, or a `UserError` without the token. A call may be made again after any error.
 */
export interface ForgeClient {
  /** Gives a commit a status. */
  setStatus(sha: string, status: CommitStatus): Promise<void>;
  /**
   * Says something about a pull or merge request: once as a new comment, later by an edit of that comment, which is
   * found again without any memory.
   * @param about the subject, a name: each has a comment of its own
   * @param text Markdown
   */
  comment(number: number, about: string, text: string): Promise<void>;
  /** What the token may do. Reads only. */
  check(): Promise<ForgeAccess>;
}

/** The forge asks to wait: a rate limit. */
export class ForgeBusy extends Error {
  override readonly name = 'ForgeBusy';
  /** The wait that it names, in milliseconds; `undefined`: it names none. */
  readonly ms: number | undefined;

  constructor(ms: number | undefined, reason: string) {
    super(reason);
    this.ms = ms;
  }
}

/** What a client needs. */
export interface ForgeOptions {
  /** Base of the API, without a slash at its end: `https://git.example.org/api/v1`. */
  readonly apiUrl: string;
  /** `owner/name` as the clone address spells it; GitLab has groups in groups. */
  readonly project: string;
  readonly token: string;
  /** Milliseconds that one answer may take. */
  readonly timeoutMs?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/**
 * One kind of forge: its signatures, its form of a push and of a request, its API, and its instructions for people.
 * `src/forge/<name>.ts` makes it, `src/forges.ts` lists it.
 */
export interface Forge {
  /** The name in settings, in the log and in remembered delivery ids: `github`. */
  readonly name: 'github' | 'gitlab' | 'gitea' | 'forgejo';
  /** The display name: `GitHub`. */
  readonly title: string;
  /** Hosts that are known to run it. */
  readonly hosts: readonly string[];
  /** Instructions to enter the webhook there. @param secret the name of the secret to paste */
  webhookSteps(secret: string): string;
  /** The least rights of a token that sends statuses and comments, and where it is made. */
  readonly tokenSteps: string;
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
  /** Base of its API. @param webUrl address of the forge in a browser, without a slash at its end */
  apiUrl(webUrl: string): string;
  /** Path of a request below the address of its repository in a browser. */
  pullPath(number: number): string;
  /** Its API, for one repository. */
  client(options: ForgeOptions): ForgeClient;
}
