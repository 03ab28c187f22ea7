import { once } from 'node:events';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono, MiddlewareHandler } from 'hono';
import type { CommitStatus } from '../../../src/forge/forge.ts';

/** A comment that a forge keeps. */
export interface KeptComment {
  readonly id: number;
  readonly author: string;
  body: string;
}

/** An answer that takes the place of the next one. */
export interface Instead {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** One request as it came. */
export interface Seen {
  readonly method: string;
  /** With its query, still encoded. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

/** The content of one repository of a forge. */
export class ForgeState {
  /** The tokens of the one account that may write. */
  readonly tokens: Set<string>;
  /** By commit, the newest last. */
  readonly statuses = new Map<string, CommitStatus[]>();
  /** By number of the request. */
  readonly comments = new Map<number, KeptComment[]>();
  readonly seen: Seen[] = [];
  /** How many comments a page has at most. */
  pageSize = 100;
  /** Answers the next request. */
  instead: Instead | undefined;
  #lastId = 0;

  constructor(tokens: readonly string[]) {
    this.tokens = new Set(tokens);
  }

  add(number: number, author: string, body: string): KeptComment {
    this.#lastId += 1;
    const comment = { id: this.#lastId, author, body };
    this.comments.set(number, [...(this.comments.get(number) ?? []), comment]);
    return comment;
  }

  find(id: number): KeptComment | undefined {
    return [...this.comments.values()].flat().find((comment) => comment.id === id);
  }

  status(sha: string, status: CommitStatus): void {
    this.statuses.set(sha, [...(this.statuses.get(sha) ?? []), status]);
  }

  /** Notes every request, and gives the answer that was set instead. */
  watch(): MiddlewareHandler {
    return async (c, next) => {
      const text = await c.req.text();
      const { pathname, search } = new URL(c.req.url);
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      this.seen.push({ method: c.req.method, path: `${pathname}${search}`, headers: c.req.raw.headers, body });
      const { instead } = this;
      this.instead = undefined;
      if (instead === undefined) return next();
      return new Response(typeof instead.body === 'string' ? instead.body : JSON.stringify(instead.body ?? {}), {
        status: instead.status,
        headers: { 'content-type': 'application/json', ...instead.headers },
      });
    };
  }
}

/** A page of a list by the query's `page`. @returns the items, and whether there are more */
export function pageOf<T>(all: readonly T[], query: string | undefined, size: number): { items: T[]; more: boolean } {
  const page = Number(query ?? 1);
  return { items: all.slice((page - 1) * size, page * size), more: all.length > page * size };
}

/** Serves routes on this machine. */
export async function serveForge(routes: Hono): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const server = createAdaptorServer({ fetch: routes.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The id of an account, which is the same for the same name. */
export function idOf(name: string): number {
  return Array.from(name).reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 100_000, 7);
}
