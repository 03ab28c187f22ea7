import fetch, { FetchError, type Response } from 'node-fetch';
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { cut, oneLine } from '../lib/text.ts';
import { ForgeBusy, type ForgeOptions } from './forge.ts';

/** What differs between the APIs of the forges. */
export interface Dialect {
  /** `GitHub` */
  readonly title: string;
  /** The headers that carry the token. */
  readonly headers: (token: string) => Readonly<Record<string, string>>;
  /** The rights that a token needs, for an answer that says it lacks one. */
  readonly rights: string;
}

/** One call. */
export interface Call<T> {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT';
  /** Below the base of the API, with its query. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** The form of the answer that is used. */
  readonly answer: z.ZodType<T>;
}

/** An answer with a status of success. */
export interface Answered<T> {
  readonly value: T;
  readonly header: (name: string) => string | undefined;
}

/** An answer of a forge that refuses a call. */
export class ForgeRefusal extends UserError {
  readonly status: number;
  /** What the forge says about it, in one line. */
  readonly said: string;

  constructor(status: number, said: string, message: string, next: string) {
    super(message, { next });
    this.status = status;
    this.said = said;
  }
}

/** A page of a hundred comments, each of 64 KiB, written in escapes. */
const longestAnswer = 16 * 2 ** 20;
const longestWord = 300;
/** How many pages of comments are looked through for ours. */
const mostPages = 10;

/** Makes calls of a forge's API. Nothing is repeated, and the token goes to no other address. */
export class ForgeRest {
  readonly #options: ForgeOptions;
  readonly #dialect: Dialect;

  constructor(options: ForgeOptions, dialect: Dialect) {
    this.#options = options;
    this.#dialect = dialect;
  }

  /** @throws ForgeBusy, ForgeRefusal, or a UserError when there is no answer that can be read */
  async ask<T>({ method = 'GET', path, body, answer }: Call<T>): Promise<Answered<T>> {
    const response = await this.#fetch(method, path, body);
    const text = await this.#textOf(response);
    if (!response.ok) throw this.#refusal(response, text);
    const read = answer.safeParse(parseJson(text));
    if (!read.success) {
      throw new UserError(`${this.#title} answers ${path} in a form that proxnix does not know.`, {
        next: 'Look whether FORGE and FORGE_URL name the forge and its API; a proxy may be in between.',
        details: read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
      });
    }
    return { value: read.data, header: (name) => response.headers.get(name) ?? undefined };
  }

  /** All items of a list that has several pages, up to a thousand. @param path with a query that ends in `page=` */
  async askPages<T>(path: string, item: z.ZodType<T>): Promise<readonly T[]> {
    const found: T[] = [];
    for (let page = 1; page <= mostPages; page += 1) {
      const { value, header } = await this.ask({ path: `${path}${page}`, answer: z.array(item) });
      found.push(...value);
      // The address of the next page is not followed: it names a host.
      if (!/\brel="?next"?/.test(header('link') ?? '')) break;
    }
    return found;
  }

  async #fetch(method: string, path: string, body: Call<unknown>['body']): Promise<Response> {
    const { apiUrl, token, timeoutMs = 15_000 } = this.#options;
    try {
      return await fetch(`${apiUrl}${path}`, {
        method,
        headers: {
          accept: 'application/json',
          'user-agent': 'proxnix',
          ...this.#dialect.headers(token),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        // A redirect would send the token to another server.
        redirect: 'manual',
        size: longestAnswer,
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw this.#noAnswer(error);
    }
  }

  async #textOf(response: Response): Promise<string> {
    try {
      return await response.text();
    } catch (error) {
      throw this.#noAnswer(error);
    }
  }

  get #title(): string {
    return this.#dialect.title;
  }

  #noAnswer(error: unknown): UserError {
    const { host } = new URL(this.#options.apiUrl);
    return new UserError(`${this.#title} at ${host} does not answer (${codeOf(error)}).`, {
      next: `curl -sI ${this.#options.apiUrl} tells whether this machine reaches it; FORGE_URL names another address.`,
      mayPass: true,
    });
  }

  #refusal(response: Response, text: string): Error {
    const { status } = response;
    const said = saidIn(text);
    const busy = waitOf(response, said, this.#options.now ?? Date.now);
    if (busy !== undefined) return new ForgeBusy(busy.ms, `${this.#title} asks to wait (${status})`);
    const { project } = this.#options;
    const refuse = (message: string, next: string) => new ForgeRefusal(status, said, message, next);
    const words = said === '' ? `${status}` : `${status}: ${said}`;
    if (status >= 300 && status < 400) {
      return refuse(
        `${this.#title} sends calls for ${project} to another address (${status}).`,
        'The repository may have moved: put its new address into GIT_URL, or that of the API into FORGE_URL.',
      );
    }
    if (status === 401) {
      return refuse(`${this.#title} does not accept FORGE_TOKEN (${words}).`, 'It may have expired: make a new one.');
    }
    if (status === 403) {
      return refuse(`${this.#title} does not let FORGE_TOKEN do this (${words}).`, `It needs ${this.#dialect.rights}.`);
    }
    if (status === 404) {
      return refuse(
        `${this.#title} has no ${project}, or FORGE_TOKEN may not see this of it (${words}).`,
        `It needs ${this.#dialect.rights}. FORGE_URL and WEBHOOK_REPOSITORY name another place.`,
      );
    }
    if (status >= 500) {
      return new UserError(`${this.#title} cannot answer now (${words}).`, { mayPass: true });
    }
    return refuse(`${this.#title} refuses what proxnix sent (${words}).`, 'This is a fault of proxnix: report it.');
  }
}

/**
 * The wait of a limited answer. GitHub tells of a limit with 403 as well, and names the end of a window in seconds since
 * the epoch (REST API, "Rate limits"); GitLab does so in `RateLimit-Reset`. `undefined`: the answer has another reason.
 */
function waitOf(
  { status, headers }: Response,
  said: string,
  now: () => number,
): { readonly ms: number | undefined } | undefined {
  const retryAfter = headers.get('retry-after');
  const isUsedUp = headers.get('x-ratelimit-remaining') === '0';
  const isWait = status === 403 || status === 503;
  const isLimit =
    status === 429 || (status === 403 && /rate limit/i.test(said)) || (isWait && (retryAfter !== null || isUsedUp));
  if (!isLimit) return undefined;
  if (retryAfter !== null) {
    const seconds = Number(retryAfter);
    const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(retryAfter) - now();
    return { ms: Number.isFinite(ms) ? Math.max(0, ms) : undefined };
  }
  const reset = Number(headers.get('x-ratelimit-reset') ?? headers.get('ratelimit-reset') ?? Number.NaN);
  return { ms: Number.isFinite(reset) ? Math.max(0, reset * 1000 - now()) : undefined };
}

/** GitHub, Gitea and Forgejo: `message`. GitLab: `message`, a text or lists by field, or `error`. */
const Said = z.object({ message: z.unknown().optional(), error: z.unknown().optional() });

function saidIn(text: string): string {
  const read = Said.safeParse(parseJson(text));
  const said = read.success ? (read.data.message ?? read.data.error) : undefined;
  if (said === undefined) return '';
  return cut(oneLine(cut(typeof said === 'string' ? said : JSON.stringify(said), 4 * longestWord)), longestWord);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof FetchError) return error.code ?? error.type;
  if (!(error instanceof Error)) return 'unknown';
  return error.name === 'AbortError' || error.name === 'TimeoutError' ? 'timeout' : error.name;
}
