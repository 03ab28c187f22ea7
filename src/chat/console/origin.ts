import type { MiddlewareHandler } from 'hono';
import { isLoopback } from '../../lib/addresses.ts';

/** The header that scripts send with a POST: a page of another site cannot add it without being asked first. */
export const scriptHeader = 'x-proxnix';

/** The header in which the page sends its key to act, which it got at the log-in. */
export const actHeader = 'x-proxnix-session';

/**
 * The Host header must be a loopback name or a configured one, or DNS rebinding would make another site this one. A
 * second lock: such a site has no session, because a browser keeps cookies by name.
 */
export function onlyOwnNames(names: readonly string[]): MiddlewareHandler {
  const known = new Set(names.map((name) => name.toLowerCase()));
  return async (c, next) => {
    const host = hostName(c.req.header('host') ?? '');
    if (host !== undefined && (isLoopback(host) || known.has(host))) return next();
    return c.json(
      {
        error: 'The console is not known under this name.',
        next: 'Open it as localhost, or name it in CONSOLE_HOSTS (which needs CONSOLE_TOKEN).',
      },
      421,
    );
  };
}

/** Refuses a POST that a page of another site could have sent in its reader's name. */
export const onlyOwnPages: MiddlewareHandler = async (c, next) => {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return next();
  const header = (name: string) => c.req.header(name);
  if (isOwnRequest(header)) return next();
  return c.json(
    {
      error: 'This request came from another site.',
      next: `Scripts send the headers content-type: application/json and ${scriptHeader}: 1.`,
    },
    403,
  );
};

function isOwnRequest(header: (name: string) => string | undefined): boolean {
  const [site, origin] = [header('sec-fetch-site'), header('origin')];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (origin !== undefined) return hostOfUrl(origin) === header('host')?.toLowerCase();
  return header(scriptHeader) !== undefined && (header('content-type') ?? '').startsWith('application/json');
}

/** The name in a Host header, without its port. */
function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1];
}

function hostOfUrl(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}
